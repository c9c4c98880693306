-- Count a tenant's usage. KEYS: usage, daily. ARGV: now, its counts.
for index, name in ipairs(USAGE) do
  redis.call('HINCRBY', KEYS[1], name, ARGV[1 + index])
  count_day(KEYS[2], time_ms(ARGV[1]), name, ARGV[1 + index])
end
redis.call('PEXPIRE', KEYS[1], KEPT_DAYS * DAY_MS)
