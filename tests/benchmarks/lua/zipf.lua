-- Pages read as people read them: the n-th most read of `args` is asked for 1/n times as often as the first.
-- Arguments: the path up to the id, and a file with one id a line.
local requests, bounds = {}, {}

init = function(args)
  local sum = 0
  for id in io.lines(args[2]) do
    requests[#requests + 1] = wrk.format("GET", args[1] .. id)
    sum = sum + 1 / #requests
    bounds[#requests] = sum
  end
  math.randomseed(os.time())
end

request = function()
  local draw = math.random() * bounds[#bounds]
  local low, high = 1, #bounds
  while low < high do
    local middle = math.floor((low + high) / 2)
    if bounds[middle] < draw then low = middle + 1 else high = middle end
  end
  return requests[low]
end
