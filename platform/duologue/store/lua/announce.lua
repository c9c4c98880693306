-- A node or batching actor is alive, or ('' as its status) goes.
-- KEYS: statuses, until, draining. ARGV: now, name, status, ttl_ms, max_members.
-- Returns whether it is to be drained.
local now = time_ms(ARGV[1])
local statuses, until_ms, draining = unpack(KEYS)
local gone = redis.call('ZRANGEBYSCORE', until_ms, '-inf', now)
if ARGV[3] == '' then gone[#gone + 1] = ARGV[2] end
for _, name in ipairs(gone) do
  redis.call('ZREM', until_ms, name)
  redis.call('HDEL', statuses, name)
  redis.call('ZREM', draining, name)
end
if ARGV[3] == '' then return {'ok', 0} end
if not redis.call('ZSCORE', until_ms, ARGV[2]) then
  if redis.call('ZCARD', until_ms) >= tonumber(ARGV[5]) then return {'full'} end
end
redis.call('HSET', statuses, ARGV[2], ARGV[3])
redis.call('ZADD', until_ms, now + ARGV[4], ARGV[2])
expire(KEYS, math.max(ARGV[4], DAY_MS))
return {'ok', redis.call('ZSCORE', draining, ARGV[2]) and 1 or 0}
