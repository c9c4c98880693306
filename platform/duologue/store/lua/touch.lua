-- The session was used. KEYS: a session's. ARGV: now, ttl_ms. Returns ok and its usage.
local meta = redis.call('HMGET', KEYS[1], 'status', 'input_tokens', 'output_tokens', 'slices')
if not meta[1] then return {'unknown'} end
if meta[1] == 'closed' then return {'over'} end
redis.call('HSET', KEYS[1], 'active_ms', time_ms(ARGV[1]))
expire(KEYS, ARGV[2])
return {'ok', meta[2], meta[3], meta[4]}
