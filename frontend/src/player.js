/** The playback: which event of which step, and how far it has come. (position, command, reel) -> position. Pure. */

/**
 * @typedef {object} Position
 * @property {number} step place in the run's steps
 * @property {number} at the event that happens; as many as there are events: the end of the step
 * @property {number} progress of that event, from 0 to 1
 * @property {boolean} full everything of the step is shown, wherever the playhead stands
 * @property {boolean} playing
 * @property {number} speed 1: at the reel's own pace
 * @property {boolean} loop
 * @property {number} laps steps played to their end since play was pressed: what repeats may go quicker
 *
 * @typedef {object} Reel what there is to play
 * @property {number} steps
 * @property {boolean} growing more steps may come
 * @property {(step: number) => number} length events of a step
 * @property {(step: number, at: number) => number} duration of an event, in milliseconds at speed 1
 *
 * @typedef {{type: "load", step: number} | {type: "play"} | {type: "pause"} | {type: "toggle"}
 *   | {type: "tick", ms: number} | {type: "event", by: number} | {type: "step", by: number}
 *   | {type: "seek", step: number, at: number} | {type: "show", step: number} | {type: "choose", at: number}
 *   | {type: "home"} | {type: "end"} | {type: "speed", speed: number} | {type: "faster", by: number}
 *   | {type: "loop", loop: boolean} | {type: "moved", step: number}} Command
 */

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];

/** Each lap of a play takes this part of the time of the one before, until it is this quick. */
const LAP = 0.75;
const QUICKEST = 0.12;

/** @type {Position} */
export const REST = {
  step: 0, at: 0, progress: 1, full: true, playing: false, speed: 1, loop: false, laps: 0,
};

/**
 * @param {Position} position
 * @param {Command} command
 *   load: another run, shown in full. show: another step, in full. choose: the playhead alone moves. moved: the same
 *   step has another place in the run
 * @param {Reel} reel
 * @returns {Position} the same object when nothing changed
 */
export function moved(position, command, reel) {
  switch (command.type) {
    case "load":
      return { ...ended(position, command.step, reel), playing: false, laps: 0 };
    case "play":
      return played(position, reel);
    case "pause":
      return position.playing ? { ...position, playing: false, laps: 0 } : position;
    case "toggle":
      return moved(position, { type: position.playing ? "pause" : "play" }, reel);
    case "tick":
      return ticked(position, command.ms, reel);
    case "event":
      return byEvent(position, command.by, reel);
    case "step":
      return byStep(position, command.by, reel);
    case "seek":
      return sought(position, command.step, command.at, reel);
    case "show":
      return ended(position, within(command.step, reel.steps), reel);
    case "choose":
      return { ...still(position), at: within(command.at, reel.length(position.step) + 1), progress: 1 };
    case "home":
      return sought(position, position.at === 0 && !position.full ? 0 : position.step, 0, reel);
    case "end":
      return ended(position, position.full ? reel.steps - 1 : position.step, reel);
    case "moved":
      return position.step === command.step ? position : { ...position, step: command.step };
    default:
      return set(position, command);
  }
}

/**
 * @param {Position} position
 * @param {Extract<Command, {type: "speed" | "faster" | "loop"}>} command
 * @returns {Position}
 */
function set(position, command) {
  if (command.type === "loop") return { ...position, loop: command.loop };
  if (command.type === "speed") return { ...position, speed: command.speed };
  const place = SPEEDS.indexOf(position.speed);
  return { ...position, speed: SPEEDS[within(place + command.by, SPEEDS.length)] ?? 1 };
}

/**
 * @param {Position} position
 * @returns {Position} no longer going by itself
 */
function still(position) {
  return { ...position, playing: false, laps: 0 };
}

/**
 * @param {number} place
 * @param {number} count
 * @returns {number} from 0 to count - 1
 */
function within(place, count) {
  return Math.max(0, Math.min(count - 1, place));
}

/**
 * @param {Position} position
 * @param {number} step
 * @param {Reel} reel
 * @returns {Position} at the end of a step, all of it shown
 */
function ended(position, step, reel) {
  const place = within(step, reel.steps);
  return { ...position, step: place, at: reel.length(place), progress: 1, full: true };
}

/**
 * @param {Position} position
 * @param {number} step
 * @param {number} at
 * @param {Reel} reel
 * @returns {Position} as if the event had just happened; its end is the whole step
 */
function sought(position, step, at, reel) {
  const place = within(step, reel.steps);
  const length = reel.length(place);
  if (at >= length) return ended(still(position), place, reel);
  return { ...still(position), step: place, at: Math.max(0, at), progress: 1, full: false };
}

/**
 * From the end of the last step it begins with the first, from the end of another with that one.
 *
 * @param {Position} position
 * @param {Reel} reel
 * @returns {Position}
 */
function played(position, reel) {
  if (position.playing || reel.steps === 0) return position;
  const going = { ...position, playing: true, laps: 0, full: false };
  if (position.at < reel.length(position.step)) {
    return position.full ? { ...going, progress: 0 } : going;
  }
  const step = position.step === reel.steps - 1 && !reel.growing ? 0 : position.step;
  return reel.length(step) === 0 ? position : { ...going, step, at: 0, progress: 0 };
}

/**
 * An event that was reached by hand plays once, then rests.
 *
 * @param {Position} position
 * @param {number} by 1 or -1
 * @param {Reel} reel
 * @returns {Position}
 */
function byEvent(position, by, reel) {
  const { step } = position;
  const length = reel.length(step);
  const at = position.at + by;
  if (at < 0) return step === 0 ? sought(position, 0, 0, reel) : ended(still(position), step - 1, reel);
  if (at < length) return { ...still(position), at, progress: by > 0 ? 0 : 1, full: false };
  if (at === length || step === reel.steps - 1) return ended(still(position), step, reel);
  return { ...still(position), step: step + 1, at: 0, progress: 0, full: false };
}

/**
 * @param {Position} position
 * @param {number} by 1 or -1
 * @param {Reel} reel
 * @returns {Position} in full stays in full; in the middle of a step the same event of the other is shown
 */
function byStep(position, by, reel) {
  const step = within(position.step + by, reel.steps);
  if (position.full) return ended(still(position), step, reel);
  return sought(position, step, Math.min(position.at, reel.length(step) - 1), reel);
}

/**
 * @param {Position} position
 * @param {number} ms
 * @param {Reel} reel
 * @returns {Position} as many events on as fit into the time
 */
function ticked(position, ms, reel) {
  if (!position.playing) return settled(position, ms, reel);
  let now = position;
  for (let left = ms; left > 0 && now.playing; ) {
    const length = reel.length(now.step);
    if (now.at >= length) {
      const on = turned(now, reel);
      if (on === now) return now;
      now = on;
      continue;
    }
    const needed = (1 - now.progress) * lasting(now, reel);
    if (needed > left) return { ...now, progress: now.progress + left / lasting(now, reel) };
    left -= needed;
    const last = now.at + 1 === length;
    now = last ? turned({ ...now, at: length, progress: 1 }, reel) : { ...now, at: now.at + 1, progress: 0 };
  }
  return now;
}

/**
 * @param {Position} position
 * @param {Reel} reel
 * @returns {number} milliseconds
 */
function lasting(position, reel) {
  const quick = Math.max(QUICKEST, LAP ** position.laps);
  return Math.max(1e-3, (reel.duration(position.step, position.at) * quick) / position.speed);
}

/**
 * The rest of an event that was reached by hand.
 *
 * @param {Position} position
 * @param {number} ms
 * @param {Reel} reel
 * @returns {Position}
 */
function settled(position, ms, reel) {
  if (position.progress >= 1) return position;
  return { ...position, progress: Math.min(1, position.progress + ms / lasting(position, reel)) };
}

/**
 * @param {Position} position at the end of a step
 * @param {Reel} reel
 * @returns {Position} the next step, or the first again, or the full picture; the same while one is waited for
 */
function turned(position, reel) {
  const start = { ...position, at: 0, progress: 0, full: false, laps: position.laps + 1 };
  if (position.step + 1 < reel.steps) return { ...start, step: position.step + 1 };
  if (reel.growing) return position.full ? position : ended(position, position.step, reel);
  if (position.loop && reel.length(0) > 0) return { ...start, step: 0 };
  return { ...ended(position, position.step, reel), playing: false, laps: 0 };
}

/** What an event takes at speed 1, in milliseconds. */
const LASTS = { forward: 1500, edge: 1300, node: 1000, update: 1700, zero_grad: 1100 };
/** Inside a closed group nothing is to be seen but the count. */
const HIDDEN = 45;
/** A step takes no longer than this, and what is hidden no longer than that. */
const LONGEST = 45_000;
const LONGEST_HIDDEN = 6_000;

/**
 * @param {readonly {phase: "forward" | "backward" | "update" | "zero_grad", edge: string | null}[]} events
 * @param {(i: number) => boolean} isVisible something on the stage moves
 * @returns {Float64Array} milliseconds at speed 1; the events of a long step come quicker
 */
export function durations(events, isVisible) {
  const seen = events.map((_, i) => isVisible(i));
  const own = events.map(({ phase, edge }, i) => {
    if (!seen[i]) return HIDDEN;
    if (phase !== "backward") return LASTS[phase];
    return edge === null ? LASTS.node : LASTS.edge;
  });
  const sum = (/** @type {boolean} */ visible) =>
    own.reduce((total, ms, i) => total + (seen[i] === visible ? ms : 0), 0);
  const shown = Math.min(1, LONGEST / Math.max(1, sum(true)));
  const hidden = Math.min(1, LONGEST_HIDDEN / Math.max(1, sum(false)));
  return Float64Array.from(own, (ms, i) => ms * (seen[i] ? shown : hidden));
}
