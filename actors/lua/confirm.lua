-- Tells which partitions are still held under the epoch and owner they were taken with.
--
-- KEYS: partitions. ARGV: owner, then an epoch per partition. Returns 1 (held), 0 (taken by another)
-- or 2 (the store went back in time) for each.
local verdicts = {}
for i, partition in ipairs(KEYS) do
  local held = redis.call('HMGET', partition, 'epoch', 'owner')
  local epoch = tonumber(held[1] or 0)
  if held[1] == ARGV[i + 1] and held[2] == ARGV[1] then
    verdicts[i] = 1
  elseif epoch < tonumber(ARGV[i + 1]) then
    verdicts[i] = 2
  else
    verdicts[i] = 0
  end
end
return verdicts
