-- What a tenant used from a day on. KEYS: daily. ARGV: now, the first day (''), or how many days back.
-- Days are counted from the Unix epoch. Returns day, what, and how much, for each.
local first = tonumber(ARGV[2]) or math.floor(time_ms(ARGV[1]) / DAY_MS) - ARGV[3]
local pairs_, answer = redis.call('HGETALL', KEYS[1]), {}
for place = 1, #pairs_, 2 do
  local day, name = string.match(pairs_[place], '^(%d+) (.+)$')
  if tonumber(day) >= first then
    answer[#answer + 1] = day
    answer[#answer + 1] = name
    answer[#answer + 1] = pairs_[place + 1]
  end
end
return answer
