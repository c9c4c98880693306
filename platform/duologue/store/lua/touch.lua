-- The session was used. KEYS: a session's. ARGV: now, ttl_ms. Returns ok and what its
--   tenant's lists are to know.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'unknown'} end
if status == 'closed' then return {'over'} end
redis.call('HSET', KEYS[1], 'active_ms', time_ms(ARGV[1]))
expire(KEYS, ARGV[2])
return {'ok', unpack(told_of(KEYS))}
