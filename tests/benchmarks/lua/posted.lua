-- One POST over and over. Arguments: a file with its body.
init = function(args)
  local file = io.open(args[1])
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = file:read("*a")
  file:close()
end
