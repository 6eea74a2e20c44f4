"""What the server does in one step. The keys are those of state, positions, lease and rows."""

from __future__ import annotations

LEAD = """
local held = redis.call('GET', KEYS[3])
if held and held ~= ARGV[1] then return false end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
redis.call('HSETNX', KEYS[1], 'number', 0)
return {redis.call('HINCRBY', KEYS[1], 'term', 1), redis.call('HGET', KEYS[1], 'number')}
"""
"""Takes the lease and raises the term, unless another holds it. Arguments: token, milliseconds."""

COMMIT = """
if redis.call('HGET', KEYS[1], 'term') ~= ARGV[3] then return 'superseded' end
local before, number = tonumber(redis.call('HGET', KEYS[1], 'number')), tonumber(ARGV[4])
if before < number - 1 then return 'lost' end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
if before >= number then return 'taken' end
local at = 5
local changed = tonumber(ARGV[at])
local gone = at + 1 + changed
local rows = gone + 1 + tonumber(ARGV[gone])
for i = rows, #ARGV do redis.call('XADD', KEYS[4], '*', 'row', ARGV[i]) end
for i = at + 1, gone - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = gone + 1, rows - 1 do redis.call('HDEL', KEYS[2], ARGV[i]) end
redis.call('HSET', KEYS[1], 'number', number)
return 'taken'
"""
"""Adds rows and positions, unless it has the commit of this number, and renews the lease. Arguments: token,
milliseconds, term, number; the count of what follows for positions, and keys and positions by turns; the count of keys
to forget, and they; the rows."""

RENEW = """
if redis.call('HGET', KEYS[1], 'term') ~= ARGV[3] then return 'superseded' end
if tonumber(redis.call('HGET', KEYS[1], 'number')) < tonumber(ARGV[4]) then return 'lost' end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return 'taken'
"""
"""Renews the lease. Arguments: token, milliseconds, term, number of the last commit."""

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
