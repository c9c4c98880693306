-- Nobody holds the session any more: its holder gives it up, or it is closed whoever holds it.
-- KEYS: a session's. ARGV: now, epoch ('' for whoever), status, ttl_ms, closed_ttl_ms.
local now = time_ms(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'status', 'epoch', 'claim')
if not meta[1] then return {'unknown'} end
local epoch = tonumber(meta[2])
if ARGV[2] ~= '' and ARGV[2] ~= meta[2] then return {'stale', meta[2]} end
local is_holder = meta[3] or ARGV[2] == ''
if is_holder and meta[1] ~= 'closed' then
  if ARGV[2] == '' then epoch = epoch + 1 end
  redis.call('HSET', KEYS[1], 'status', ARGV[3], 'epoch', epoch, 'active_ms', now)
  redis.call('HDEL', KEYS[1], 'claim', 'owner', 'address', 'node_id', 'lease_until_ms')
  expire(KEYS, ARGV[4])
  if ARGV[3] == 'closed' then
    expire({KEYS[2], KEYS[3]}, ARGV[5])
    redis.call('HSET', KEYS[1], 'config', '')
  end
end
-- What is gone in a moment does not count any more.
local is_over = redis.call('HGET', KEYS[1], 'status') == 'closed'
local told = told_of(KEYS, is_over)
return {'ok', unpack(told)}
