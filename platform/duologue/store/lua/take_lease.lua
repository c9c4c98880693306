-- Become a session's holder under a new epoch.
-- KEYS: a session's. ARGV: now, claim, owner, address, node_id, known_epoch, lease_ms, ttl_ms.
-- The claim names this call, so that its repeat gets what the first got.
local now = time_ms(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'status', 'epoch', 'claim', 'lease_until_ms', 'address',
  'entries')
if not meta[1] then return {'unknown'} end
if meta[1] == 'closed' then return {'over'} end
local epoch, known = tonumber(meta[2]), tonumber(ARGV[6])
if meta[3] ~= ARGV[2] then
  local is_alive = meta[3] and tonumber(meta[4]) > now
  if is_alive and epoch > known then return {'held', epoch, meta[5]} end
  epoch = math.max(epoch, known) + 1
end
redis.call('HSET', KEYS[1], 'status', 'live', 'epoch', epoch, 'claim', ARGV[2], 'owner', ARGV[3],
  'address', ARGV[4], 'node_id', ARGV[5], 'lease_until_ms', now + ARGV[7], 'active_ms', now,
  'listed_ms', now)
expire(KEYS, ARGV[8])
return {'ok', epoch, tonumber(meta[6]), unpack(told_of(KEYS))}
