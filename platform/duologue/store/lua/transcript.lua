-- Some of a session's transcript. KEYS: a session's. ARGV: first, max_entries, max_bytes.
-- Entries are counted from the conversation's first, those forgotten included. Returns ok, where
-- to go on ('' at the end), then the entries: one at least, if there is one.
local forgotten = redis.call('HGET', KEYS[1], 'forgotten')
if not forgotten then return {'unknown'} end
local first = math.max(ARGV[1] - forgotten, 0)
local answer, bytes = {'ok', ''}, 0
for place = first, first + ARGV[2] - 1, 64 do
  local last = math.min(place + 64, first + ARGV[2]) - 1
  local some = redis.call('LRANGE', KEYS[4], place, last)
  for index, entry in ipairs(some) do
    bytes = bytes + #entry
    if #answer > 2 and bytes > tonumber(ARGV[3]) then
      answer[2] = string.format('%d', forgotten + place + index - 1)
      return answer
    end
    answer[#answer + 1] = entry
  end
  if #some < last - place + 1 then return answer end
end
local behind = first + ARGV[2]
if redis.call('LLEN', KEYS[4]) > behind then answer[2] = string.format('%d', forgotten + behind) end
return answer
