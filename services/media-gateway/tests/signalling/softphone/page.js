// A softphone that does what the test tells it and tells what happens. Commands come by long polling from /next, one
// after the other; everything that happens goes to /tell.
import JsSIP from 'jssip';

const settings = Object.fromEntries(new URLSearchParams(location.search));
const FULL_SCALE_DBM0 = 3.14;
// Noise suppression would take a steady tone away.
const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const options = { mediaConstraints: { audio: raw, video: false }, pcConfig: { iceServers: [] } };

let session = null;
const sessions = [];
let analyser = null;

const tell = (what, more = {}) => fetch('/tell', { method: 'POST', body: JSON.stringify({ what, ...more }) });

const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(settings.socket)],
  uri: `sip:${settings.user}@${settings.host}`,
  password: settings.password,
  session_timers: false,
  connection_recovery_min_interval: 1,
  connection_recovery_max_interval: 2,
});

function listen(stream) {
  // Chromium feeds a remote stream to WebAudio only while an element plays it too.
  const player = new Audio();
  player.srcObject = stream;
  player.muted = true;
  player.play();
  const context = new AudioContext();
  analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(stream).connect(analyser);
}

// Level in dBm0 of each frequency in the last 170 ms (the Goertzel bin, by inner products).
function levels(frequencies) {
  if (analyser === null) return frequencies.map(() => -99);
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return frequencies.map((frequency) => {
    let sine = 0;
    let cosine = 0;
    samples.forEach((sample, number) => {
      const angle = (2 * Math.PI * frequency * number) / analyser.context.sampleRate;
      sine += sample * Math.sin(angle);
      cosine += sample * Math.cos(angle);
    });
    const amplitude = (2 * Math.hypot(sine, cosine)) / samples.length;
    return Math.max(-99, 20 * Math.log10(amplitude) + FULL_SCALE_DBM0);
  });
}

function attend(begun) {
  session = begun;
  sessions.push(begun);
  const heed = (connection) =>
    connection.addEventListener('track', (event) => listen(event.streams[0] ?? new MediaStream([event.track])));
  if (session.connection) heed(session.connection);
  session.on('peerconnection', (event) => heed(event.peerconnection));
  session.on('sending', (event) => tell('sending', { sdp: event.request.body }));
  session.on('confirmed', () => tell('confirmed'));
  session.on('failed', (event) => tell('failed', { cause: event.cause }));
  session.on('ended', (event) => tell('ended', { cause: event.cause }));
}

ua.on('registered', () => tell('registered'));
ua.on('unregistered', () => tell('unregistered'));
ua.on('registrationFailed', (event) => tell('registrationFailed', { cause: event.cause }));
ua.on('newRTCSession', (event) => {
  attend(event.session);
  tell(event.originator === 'remote' ? 'invited' : 'calling', { sdp: event.request.body });
});

const commands = {
  answer: () => void session.answer(options),
  call: ({ target }) => void ua.call(target, options),
  unregister: () => void ua.unregister(),
  // The first call is given to the far side of the second one.
  transfer: ({ target }) =>
    void sessions[0].refer(target, {
      replaces: sessions[1],
      eventHandlers: {
        trying: () => tell('transferTrying'),
        accepted: () => tell('transferAccepted'),
        failed: (event) => tell('transferFailed', { status: event.status_line?.status_code }),
        requestFailed: (event) => tell('transferFailed', { cause: event.cause }),
      },
    }),
  hold: () => new Promise((done) => session.hold({}, done)),
  unhold: () => new Promise((done) => session.unhold({}, done)),
  hangUp: () => void session.terminate(),
  press: ({ digits, transport }) => session.sendDTMF(digits, { transportType: transport }),
  levels: ({ frequencies }) => levels(frequencies),
  restartIce: () => new Promise((done) => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done)),
  stats: async () => [...(await session.connection.getStats()).values()],
};

async function obey() {
  for (;;) {
    const command = await (await fetch('/next')).json();
    if (command === null) continue;
    try {
      await tell('done', { number: command.number, value: (await commands[command.do](command)) ?? null });
    } catch (error) {
      await tell('done', { number: command.number, error: String(error) });
    }
  }
}

ua.start();
obey();
