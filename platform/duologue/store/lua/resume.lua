-- Go on with a session by a token, for which its client gets another one; count the connection.
-- KEYS: a session's. ARGV: digests, of 32 bytes each: of the token that is given, of the next one.
-- The newest token is in `resume_digest`. In `resume_also` are those that are good beside it, until
-- one of the newest is known to have arrived: first the one that was given for it, then others
-- that were handed out for the same one. Returns ok, the connection's number, and what the session
-- has used so far.
local SIZE, MOST_LOST = 32, 3
local status, newest, also, number = unpack(redis.call('HMGET', KEYS[1], 'status',
  'resume_digest', 'resume_also', 'connections'))
if not status then return {'unknown'} end
local given, next_one = ARGV[1], ARGV[2]
also = also or ''
local before, lost = string.sub(also, 1, SIZE), string.sub(also, SIZE + 1)
local is_again = also ~= '' and before == given
local used = usage_at(KEYS[1])
if is_again and newest == next_one then return {'ok', tonumber(number), unpack(used)} end -- a repeat
local is_one = newest == given
for place = 1, #lost, SIZE do
  is_one = is_one or string.sub(lost, place, place + SIZE - 1) == given
end
if not is_again and not is_one then return {'denied'} end
if status == 'closed' then return {'over'} end
also = given
if is_again then also = given .. string.sub(lost .. newest, -SIZE * MOST_LOST) end
redis.call('HSET', KEYS[1], 'resume_digest', next_one, 'resume_also', also)
return {'ok', redis.call('HINCRBY', KEYS[1], 'connections', 1), unpack(used)}
