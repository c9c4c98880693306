-- A token has arrived at its client: it is the only one that is good from now on.
-- KEYS: a session's. ARGV: its digest, of 32 bytes. One that is not good changes nothing.
local SIZE = 32
local newest, also = unpack(redis.call('HMGET', KEYS[1], 'resume_digest', 'resume_also'))
if not newest then return {'unknown'} end
local is_one, lost = newest == ARGV[1], string.sub(also or '', SIZE + 1)
for place = 1, #lost, SIZE do
  is_one = is_one or string.sub(lost, place, place + SIZE - 1) == ARGV[1]
end
if is_one then
  redis.call('HSET', KEYS[1], 'resume_digest', ARGV[1])
  redis.call('HDEL', KEYS[1], 'resume_also')
end
return {'ok'}
