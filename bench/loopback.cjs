// kinesis-local listens on every interface, whatever it is told: on loopback alone instead.
const { Server } = require("node:net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  if (typeof args[0] === "object") args[0] = { ...args[0], host: "127.0.0.1" };
  else if (typeof args[1] === "string") args[1] = "127.0.0.1";
  else if (typeof args[0] === "number") args.splice(1, 0, "127.0.0.1");
  return listen.apply(this, args);
};
