-- Tells which partitions are still held under the epoch and owner they were taken with.
--
-- KEYS: partitions. ARGV: owner, then for each its epoch, and 1 where its owner has waited for whoever
-- was before it. Returns 1 (held), 0 (taken by another) or 2 (the store went back in time) for each.
local verdicts = {}
for i, partition in ipairs(KEYS) do
  local held = redis.call('HMGET', partition, 'epoch', 'owner')
  local epoch = tonumber(held[1] or 0)
  if held[1] == ARGV[2 * i] and held[2] == ARGV[1] then
    if ARGV[2 * i + 1] == '1' then redis.call('HSET', partition, 'settled', 1) end
    verdicts[i] = 1
  elseif epoch < tonumber(ARGV[2 * i]) then
    verdicts[i] = 2
  else
    verdicts[i] = 0
  end
end
return verdicts
