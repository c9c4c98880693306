-- Hold a place among a tenant's live sessions. KEYS: live. ARGV: now, session_id, max, hold_ms.
local now = time_ms(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return {'ok'} end
local live = redis.call('ZCARD', KEYS[1])
if live >= tonumber(ARGV[3]) then return {'full', live} end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[4], DAY_MS))
return {'ok'}
