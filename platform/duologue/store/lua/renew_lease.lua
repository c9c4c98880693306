-- Hold a session on. KEYS: a session's. ARGV: now, epoch, lease_ms, ttl_ms, listing_ms.
-- Returns ok, and whether the tenant's lists are to hear of it: then with what
--   they are to know.
local now = time_ms(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'listed_ms')
if not meta[1] then return {'unknown'} end
if meta[1] ~= ARGV[2] or not meta[2] then return {'stale', meta[1]} end
redis.call('HSET', KEYS[1], 'lease_until_ms', now + ARGV[3])
local is_due = now >= meta[3] + ARGV[5]
if is_due then
  redis.call('HSET', KEYS[1], 'listed_ms', now)
  expire(KEYS, ARGV[4])
end
return {'ok', is_due and 1 or 0, unpack(is_due and told_of(KEYS) or {})}
