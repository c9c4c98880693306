-- Names of a tenant's sessions, newest first, with the times of their creation.
-- KEYS: a tenant's. ARGV: now, limit, created_ms ('' from the newest on), and of the sessions made
--   at that very time: 'all', 'none', or 'after' the one named next.
local sessions, expiry, _, metered, _, bytes = unpack(KEYS)
forget_gone(sessions, expiry, metered, bytes, time_ms(ARGV[1]))
local start = 0
if ARGV[3] ~= '' then
  local ties = ARGV[4]
  local rank = ties == 'after' and redis.call('ZREVRANK', sessions, ARGV[5])
  if rank then
    start = rank + 1
  else -- the named one is gone, and those of its millisecond with it
    start = redis.call('ZCOUNT', sessions, (ties == 'all' and '(' or '') .. ARGV[3], '+inf')
  end
end
return redis.call('ZREVRANGE', sessions, start, start + ARGV[2] - 1, 'WITHSCORES')
