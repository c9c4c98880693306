-- Keep a new session. The same one again (a repeat) is taken as done.
-- Refused while much of the memory is used: the rest is for those that are there.
-- KEYS: a session's. ARGV: ttl_ms, resume_digest, then the fields of its hash.
if redis.call('EXISTS', KEYS[1]) == 1 then
  local status, digest = unpack(redis.call('HMGET', KEYS[1], 'status', 'resume_digest'))
  if status == 'new' and digest == ARGV[2] then return {'ok'} end
  return {'taken'}
end
if memory_share() > MOST_BEFORE_NEW then return {'crowded'} end
redis.call('HSET', KEYS[1], 'resume_digest', ARGV[2], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'ok'}
