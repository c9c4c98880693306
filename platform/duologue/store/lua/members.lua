-- The nodes or batching actors that are alive. KEYS: statuses, until, draining. ARGV: now.
-- Returns for each its status and whether it is to be drained.
local answer = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. time_ms(ARGV[1]), '+inf')) do
  answer[#answer + 1] = redis.call('HGET', KEYS[1], name)
  answer[#answer + 1] = redis.call('ZSCORE', KEYS[3], name) and 1 or 0
end
return answer
