-- Accounts of many gateways in one Redis or Valkey. One call is one transaction: the server does nothing else meanwhile.
-- KEYS[1]: the prefix of every key, with a hash tag, so that all of them are in one slot.
-- ARGV: operation, epoch, instant ('' is the server's own time), and what the operation needs, see below.
-- Money is whole dollars and pico-dollars, both whole numbers far below 2^53, so every sum is exact.
-- The arithmetic of limits is that of core/meters.py; the caller words refusals from the counters it gets back.
local prefix, op, epoch = KEYS[1], ARGV[1], ARGV[2]
local PICO, MINUTE, ROUNDING, LATE = 1e12, 60, 1e-6, 86400
local METER_KEPT, ACCOUNT_KEPT, LEASE_KEPT, DONE_MAX, DEAD_MAX = 172800, 3024000, 180000, 20000, 100
local MEMBER_GONE = 15
local next_arg = 4

local function take()
  next_arg = next_arg + 1
  return ARGV[next_arg - 1]
end

local function number() return tonumber(take()) end
local function whole(x) return string.format('%.0f', x) end
local function exact(x) return string.format('%.17g', x) end

local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- Money ---------------------------------------------------------------------------------------------------------

local function plus(a, b)
  local usd, pico = a[1] + b[1], a[2] + b[2]
  if pico >= PICO then usd, pico = usd + 1, pico - PICO end
  return {usd, pico}
end

local function minus(a, b)
  local usd, pico = a[1] - b[1], a[2] - b[2]
  if pico < 0 then usd, pico = usd - 1, pico + PICO end
  if usd < 0 then return {0, 0} end
  return {usd, pico}
end

local function above(a, b) return a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) end
local function money() return {number(), number()} end

-- Counters ------------------------------------------------------------------------------------------------------

local function meter_of(scope)
  local found = redis.call('HMGET', prefix .. 'm:' .. scope, 'at', 'requests', 'tokens', 'parallel')
  return {
    scope = scope, at = tonumber(found[1]) or -math.huge, requests = tonumber(found[2]) or 0,
    tokens = tonumber(found[3]) or 0, parallel = tonumber(found[4]) or 0,
  }
end

local function refill(meter, requests_max, tokens_max)
  local passed = now - meter.at
  if passed <= 0 then return end
  meter.at = now
  if meter.requests ~= 0 then
    meter.requests = requests_max > 0 and math.max(0, meter.requests - passed * requests_max / MINUTE) or 0
  end
  if meter.tokens ~= 0 then
    meter.tokens = tokens_max > 0 and math.max(0, meter.tokens - passed * tokens_max / MINUTE) or 0
  end
end

local function keep_meter(meter)
  local key = prefix .. 'm:' .. meter.scope
  redis.call('HSET', key, 'at', exact(meter.at), 'requests', exact(meter.requests), 'tokens', exact(meter.tokens),
    'parallel', whole(meter.parallel))
  redis.call('EXPIRE', key, METER_KEPT)
end

local function account_of(name)
  local found = redis.call('HMGET', prefix .. 'a:' .. name, 'su', 'sp', 'ru', 'rp')
  return {
    name = name, spent = {tonumber(found[1]) or 0, tonumber(found[2]) or 0},
    reserved = {tonumber(found[3]) or 0, tonumber(found[4]) or 0},
  }
end

local function keep_account(account)
  local key = prefix .. 'a:' .. account.name
  redis.call('HSET', key, 'su', whole(account.spent[1]), 'sp', whole(account.spent[2]),
    'ru', whole(account.reserved[1]), 'rp', whole(account.reserved[2]))
  if not string.find(account.name, '|total|', 1, true) then redis.call('EXPIRE', key, ACCOUNT_KEPT) end
end

local function account_name(scope, window, start) return scope .. '|' .. window .. '|' .. start end

-- One scope of the caller: name, its three limits (-1: none), its windows, its hard budgets.
local function read_scope()
  local one = {name = take(), requests_max = number(), tokens_max = number(), parallel_max = number(), unpriced = take()}
  one.accounts, one.budgets = {}, {}
  for _ = 1, number() do
    local window, start, ends = take(), take(), number()
    table.insert(one.accounts, {name = account_name(one.name, window, start), start = tonumber(start), ends = ends})
  end
  for _ = 1, number() do
    table.insert(one.budgets, {account = number(), limit = money()})
  end
  return one
end

local function read_scopes()
  local scopes = {}
  for _ = 1, number() do table.insert(scopes, read_scope()) end
  return scopes
end

local function is_of_now(scopes)
  for _, one in ipairs(scopes) do
    for _, account in ipairs(one.accounts) do
      if now < account.start or now >= account.ends then return false end
    end
  end
  return true
end

local function load(scopes)
  for _, one in ipairs(scopes) do
    one.meter = meter_of(one.name)
    refill(one.meter, one.requests_max, one.tokens_max)
    for index, account in ipairs(one.accounts) do one.accounts[index] = account_of(account.name) end
  end
end

local function counters(scopes, status)
  local out = {status, exact(now)}
  for _, one in ipairs(scopes) do
    local meter = one.meter
    for _, value in ipairs({exact(meter.at), exact(meter.requests), exact(meter.tokens), whole(meter.parallel)}) do
      table.insert(out, value)
    end
    for _, account in ipairs(one.accounts) do
      for _, value in ipairs({account.spent[1], account.spent[2], account.reserved[1], account.reserved[2]}) do
        table.insert(out, whole(value))
      end
    end
  end
  return out
end

-- Leases --------------------------------------------------------------------------------------------------------

local function lease_of(id)
  local found = redis.call('HMGET', prefix .. 'l:' .. id, 'until', 'tokens', 'cu', 'cp', 'held')
  if not found[1] then return nil end
  return {
    id = id, ends = tonumber(found[1]), tokens = tonumber(found[2]), cost = {tonumber(found[3]), tonumber(found[4])},
    held = cjson.decode(found[5]), live = redis.call('ZSCORE', prefix .. 'leases', id) and true or false,
  }
end

local function keep_lease(lease)
  local key = prefix .. 'l:' .. lease.id
  redis.call('HSET', key, 'until', exact(lease.ends), 'tokens', whole(lease.tokens), 'cu', whole(lease.cost[1]),
    'cp', whole(lease.cost[2]), 'held', cjson.encode(lease.held))
  redis.call('EXPIRE', key, LEASE_KEPT)
  redis.call('ZADD', prefix .. 'leases', exact(lease.ends), lease.id)
end

local function release(lease)
  for _, held in ipairs(lease.held) do
    local meter = meter_of(held[1])
    meter.parallel = math.max(0, meter.parallel - 1)
    keep_meter(meter)
    for index = 2, #held do
      local account = account_of(held[index])
      account.reserved = minus(account.reserved, lease.cost)
      keep_account(account)
    end
  end
  redis.call('ZREM', prefix .. 'leases', lease.id)
  lease.live = false
end

local function release_dead()
  local dead = redis.call('ZRANGEBYSCORE', prefix .. 'leases', '-inf', exact(now), 'LIMIT', 0, DEAD_MAX)
  for _, id in ipairs(dead) do
    local lease = lease_of(id)
    if lease then
      release(lease)
      redis.call('ZADD', prefix .. 'late', exact(lease.ends + LATE), id)
    else
      redis.call('ZREM', prefix .. 'leases', id)
    end
  end
  local gone = redis.call('ZRANGEBYSCORE', prefix .. 'late', '-inf', exact(now), 'LIMIT', 0, DEAD_MAX)
  for _, id in ipairs(gone) do
    redis.call('DEL', prefix .. 'l:' .. id)
    redis.call('ZREM', prefix .. 'late', id)
  end
end

local function is_done(id) return redis.call('ZSCORE', prefix .. 'done', id) end

local function mark_done(id)
  redis.call('ZADD', prefix .. 'done', exact(now), id)
  redis.call('ZREMRANGEBYRANK', prefix .. 'done', 0, -(DONE_MAX + 1))
end

-- Operations ----------------------------------------------------------------------------------------------------

local function stands_in_the_way(scopes, tokens, cost, priced)
  for _, one in ipairs(scopes) do
    for _, budget in ipairs(one.budgets) do
      if not priced then
        if one.unpriced == '0' then return true end
      else
        local account = one.accounts[budget.account]
        if above(plus(plus(account.spent, cost), account.reserved), budget.limit) then return true end
      end
    end
  end
  for _, one in ipairs(scopes) do
    local meter = one.meter
    if one.parallel_max >= 0 and meter.parallel >= one.parallel_max then return true end
    if one.requests_max >= 0 and meter.requests + 1 > one.requests_max + ROUNDING then return true end
    if one.tokens_max >= 0 and tokens > 0 and meter.tokens + tokens > one.tokens_max + ROUNDING then return true end
  end
  return false
end

-- id, seconds of the lease, tokens, cost, whether its price is known, scopes
local function admit()
  local id, lease_s, tokens, cost, priced = take(), number(), number(), money(), take() == '1'
  local scopes = read_scopes()
  if not is_of_now(scopes) then return {'window', exact(now)} end
  if is_done(id) then return {'void', exact(now)} end
  release_dead()
  load(scopes)
  if stands_in_the_way(scopes, tokens, cost, priced) then return counters(scopes, 'no') end
  local answer, held = counters(scopes, 'yes'), {}
  for _, one in ipairs(scopes) do
    local meter, names = one.meter, {one.name}
    meter.parallel = meter.parallel + 1
    if one.requests_max > 0 then meter.requests = meter.requests + 1 end
    if one.tokens_max > 0 then meter.tokens = meter.tokens + tokens end
    keep_meter(meter)
    for _, account in ipairs(one.accounts) do
      account.reserved = plus(account.reserved, cost)
      keep_account(account)
      table.insert(names, account.name)
    end
    table.insert(held, names)
  end
  keep_lease({id = id, ends = now + lease_s, tokens = tokens, cost = cost, held = held})
  return answer
end

-- scopes
local function look()
  local scopes = read_scopes()
  if not is_of_now(scopes) then return {'window', exact(now)} end
  release_dead()
  load(scopes)
  return counters(scopes, 'yes')
end

-- id, seconds of the lease, more, and the hard budgets: account and limit of each
local function extend()
  local id, lease_s, more = take(), number(), money()
  release_dead()
  local lease = lease_of(id)
  if not lease or not lease.live then return {'no', exact(now)} end
  for _ = 1, number() do
    local account, limit = account_of(take()), money()
    if above(plus(plus(account.spent, account.reserved), more), limit) then return {'no', exact(now)} end
  end
  for _, held in ipairs(lease.held) do
    for index = 2, #held do
      local account = account_of(held[index])
      account.reserved = plus(account.reserved, more)
      keep_account(account)
    end
  end
  lease.cost, lease.ends = plus(lease.cost, more), now + lease_s
  keep_lease(lease)
  return {'yes', exact(now)}
end

-- id, tokens, cost, whether it is known, whether the lease may have been lost by the server, tokens and cost as
-- reserved, and of each scope: name, requests and tokens a minute, and its accounts
local function settle()
  local id, tokens, cost, known, lost = take(), number(), money(), take() == '1', take() == '1'
  local reserved_tokens, reserved = number(), money()
  local limits, held = {}, {}
  for _ = 1, number() do
    local names = {take()}
    limits[names[1]] = {number(), number()}
    for _ = 1, number() do table.insert(names, take()) end
    table.insert(held, names)
  end
  release_dead()
  if is_done(id) then return {'no', exact(now)} end
  local lease = lease_of(id)
  if lease then
    if lease.live then release(lease) end
    held, reserved_tokens, reserved = lease.held, lease.tokens, lease.cost
    redis.call('DEL', prefix .. 'l:' .. id)
    redis.call('ZREM', prefix .. 'late', id)
  elseif not lost then
    mark_done(id) -- an admission that is still on its way comes too late
    return {'no', exact(now)}
  end
  mark_done(id)
  if not known then cost = reserved end
  local out = {'yes', exact(now), whole(cost[1]), whole(cost[2])}
  for _, names in ipairs(held) do
    local limit = limits[names[1]] or {-1, -1}
    if limit[2] > 0 and tokens ~= reserved_tokens then
      local meter = meter_of(names[1])
      refill(meter, limit[1], limit[2])
      meter.tokens = math.max(0, meter.tokens + tokens - reserved_tokens)
      keep_meter(meter)
    end
    for index = 2, #names do
      local account = account_of(names[index])
      account.spent = plus(account.spent, cost)
      if cost[1] > 0 or cost[2] > 0 then keep_account(account) end
      table.insert(out, names[index])
      table.insert(out, whole(account.spent[1]))
      table.insert(out, whole(account.spent[2]))
    end
  end
  return out
end

-- account, spent at least
local function restore()
  local account, spent = account_of(take()), money()
  if above(spent, account.spent) then
    account.spent = spent
    keep_account(account)
  end
  return {'yes', exact(now)}
end

-- gateway, what a new epoch would be called. Answers with the epoch in force and how many gateways live.
local function hello()
  local member, fresh = take(), take()
  redis.call('SET', prefix .. 'epoch', fresh, 'NX')
  redis.call('ZADD', prefix .. 'gateways', exact(now), member)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'gateways', '-inf', exact(now - MEMBER_GONE))
  return {'yes', exact(now), redis.call('GET', prefix .. 'epoch'), whole(redis.call('ZCARD', prefix .. 'gateways'))}
end

-- gateway
local function bye()
  redis.call('ZREM', prefix .. 'gateways', take())
  return {'yes', exact(now)}
end

if op == 'hello' then return hello() end
if op == 'bye' then return bye() end
if redis.call('GET', prefix .. 'epoch') ~= epoch then return {'lost', exact(now)} end -- its memory is another one
local operations = {admit = admit, look = look, extend = extend, settle = settle, restore = restore}
return operations[op]()
