-- Note that a node is to be drained, or no longer.
-- KEYS: statuses, until, draining. ARGV: now, name, '1' or '0'. Returns its status.
local now = time_ms(ARGV[1])
local until_ms = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not until_ms or tonumber(until_ms) <= now then return {'unknown'} end
if ARGV[3] == '1' then
  redis.call('ZADD', KEYS[3], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[3], DAY_MS)
else
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return {'ok', redis.call('HGET', KEYS[1], ARGV[2])}
