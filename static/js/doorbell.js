// The one socket of a page. It says which streams and lists moved and never what is in them.
const SHORTEST = 500;
const LONGEST = 30000;
const PULSE = 25000;
const PATIENCE = 10000;
export const SIGNED_OUT = 4401;
const SENT_AWAY = 4404;

const address = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws/live/`;

// onRing(name, seq): it is now at seq (undefined for a list). onRefused(name): not to be seen.
// onUp(): the server answers. onDown(code): it does not, and we try again unless signed out.
export function doorbell({ onRing, onRefused, onUp, onDown }) {
  const names = new Set();
  let socket = null;
  let tries = 0;
  let retry = 0;
  let pulse = 0;
  let watchdog = 0;

  const say = (message) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  // A dead line is not noticed by itself, so ask for something known and expect the answer.
  function beat() {
    const [name] = names;
    if (!name) return;
    say({ join: name });
    clearTimeout(watchdog);
    watchdog = setTimeout(() => down(1006), PATIENCE);
  }

  function heard({ data }) {
    const message = JSON.parse(data);
    clearTimeout(watchdog);
    tries = 0;
    onUp();
    if (message.refused !== undefined) {
      names.delete(message.refused);
      onRefused(message.refused);
    } else {
      onRing(message.stream ?? `list:${message.list}:${message.domain}`, message.seq);
    }
  }

  function down(code) {
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      socket = null;
    }
    clearInterval(pulse);
    clearTimeout(watchdog);
    clearTimeout(retry);
    onDown(code);
    if (code === SIGNED_OUT) return;
    const wait = code === SENT_AWAY ? LONGEST : Math.min(LONGEST, SHORTEST * 2 ** tries);
    tries += 1;
    retry = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  }

  function connect() {
    clearTimeout(retry);
    if (socket || !names.size) return;
    socket = new WebSocket(address());
    socket.onopen = () => {
      for (const name of names) say({ join: name });
      pulse = setInterval(beat, PULSE);
    };
    socket.onmessage = heard;
    socket.onclose = ({ code }) => down(code);
  }

  return {
    join(name) {
      if (names.has(name)) return;
      names.add(name);
      if (socket) say({ join: name });
      else connect();
    },
    leave(name) {
      if (names.delete(name)) say({ leave: name });
    },
    // Something makes another try worth while now: the network is back, the page is seen again.
    hurry() {
      if (socket) return;
      tries = 0;
      connect();
    },
  };
}
