/** The playback in the page: its clock and its keys, the stage and the timeline that show it. */

/** @import {Selection, State, StepModel, Tensor} from "../model.d.ts" */
/** @import {Told} from "../narration.js" */
/** @import {Wish} from "../panels/timeline.js" */
/** @import {Command, Reel} from "../player.js" */
/** @import {Code} from "./code.js" */
/** @import {PictureOnStage} from "./picture.js" */
/** @import {Store} from "./store.js" */

import { leftoverOf } from "../leftover.js";
import { narrate, positionText } from "../narration.js";
import { Timeline } from "../panels/timeline.js";
import { phasesOf, placed } from "../phases.js";
import { durations, moved, REST } from "../player.js";
import { stepText } from "../run.js";
import { ARRIVAL, Motion } from "../stage/motion.js";
import { Score } from "../stage/moment.js";
import { Attending, SLOW_ENOUGH, STILL } from "./attending.js";
import { commandOf } from "./keys.js";
import { eventOf } from "./moment.js";
import { part } from "./parts.js";
import { stepOf, subjectOf } from "./subject.js";

/** A frame that took longer counts as this long: a page that slept does not leap. */
const LONGEST_FRAME = 100;

export class Playing {
  #store;
  #picture;
  #attending;
  #timeline;
  #motion;
  #position = REST;
  /** @type {Reel} */
  #reel;
  /** @type {WeakMap<object, Float64Array>} */
  #durations = new WeakMap();
  /** @type {Score | null} */
  #score = null;
  #frame = 0;
  #before = 0;
  /** @type {{step: StepModel | null, at: number, position: string, narration: string}} */
  #said = { step: null, at: -1, position: "", narration: "" };
  /** @type {{step: StepModel, grads: Map<string, Tensor>} | null} */
  #leftover = null;
  #welcoming = false;
  /** The focus was set with a pointer. */
  #pointed = false;
  /** @type {(() => void)[]} */
  #watchers = [];

  /**
   * @param {Store} store
   * @param {PictureOnStage} picture
   * @param {Code} code
   */
  constructor(store, picture, code) {
    this.#store = store;
    this.#picture = picture;
    this.#attending = new Attending(store, picture, code);
    this.#motion = new Motion(picture.stage);
    this.#timeline = new Timeline(part("timeline"), (wish) => this.#wish(wish));
    const steps = () => store.state.run?.steps ?? [];
    this.#reel = {
      get steps() {
        return steps().length;
      },
      get growing() {
        return store.state.run?.status === "running";
      },
      length: (step) => steps()[step]?.events ?? 0,
      duration: (step, at) => this.#lasting(step)[at] ?? 1000,
    };
    store.watch((state, before) => this.#heard(state, before));
    picture.watch(() => this.#drawn());
    document.addEventListener("keydown", (event) => this.#key(event), true);
    document.addEventListener("pointerdown", () => (this.#pointed = true), true);
    this.#measure();
    this.#show();
  }

  get position() {
    return this.#position;
  }

  /** Where a button that follows a live run goes. */
  get slot() {
    return this.#timeline.slot;
  }

  /** @returns {import("../sofar.js").Reached | null} how far the step that is shown has come; null in full */
  get reached() {
    const { at, progress, full } = this.#position;
    const told = full ? null : this.#told();
    if (!told) return null;
    const made = STILL.matches || this.#pace() < SLOW_ENOUGH || progress >= ARRIVAL;
    return { events: at + Number(made), leftover: told.leftover };
  }

  /** What is said: the place in the step, the sentence about it, and which phase it is of. */
  get said() {
    const { position, narration, step, at } = this.#said;
    return { place: position, words: narration, phase: step?.events[at]?.phase ?? "" };
  }

  /** Plays the first run that is drawn, once. */
  welcome() {
    this.#welcoming = !STILL.matches;
  }

  /** @param {() => void} watcher called after the position changed */
  watch(watcher) {
    this.#watchers.push(watcher);
  }

  /** @param {Command} command */
  do(command) {
    const before = this.#position;
    this.#position = moved(before, command, this.#reel);
    if (this.#position === before) return;
    if (this.#position.step !== this.#store.state.step && this.#reel.steps > 0) {
      this.#store.send({ type: "step", step: this.#position.step });
    }
    if (!this.#position.full) this.#store.send({ type: "live", live: false });
    this.#show();
    this.#wake();
  }

  /** @param {Wish} wish */
  #wish(wish) {
    const { step, full } = this.#position;
    if (wish.type === "seek") this.do({ type: "seek", step, at: wish.at });
    else if (wish.type !== "show") this.do(wish);
    else if (full) this.do(wish);
    else this.do({ type: "step", by: wish.step - step });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Tab") this.#pointed = false;
    const command = commandOf(event, this.#pointed);
    if (!command) return;
    event.preventDefault();
    event.stopPropagation();
    this.do(command);
  }

  /** Keeps the clock going while there is something to move. */
  #wake() {
    if (this.#frame !== 0 || !this.#moves()) return;
    this.#before = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  #moves() {
    return this.#position.playing || this.#position.progress < 1;
  }

  /** @param {number} now */
  #tick(now) {
    const ms = Math.min(LONGEST_FRAME, Math.max(0, now - this.#before));
    this.#before = now;
    if (this.#isDrawn()) this.do({ type: "tick", ms });
    this.#frame = this.#moves() ? requestAnimationFrame((later) => this.#tick(later)) : 0;
  }

  /** The stage shows the step that is played; until then the clock waits. */
  #isDrawn() {
    return this.#score !== null && this.#score.subject.step === subjectOf(this.#store.state)?.step;
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #heard(state, before) {
    if (state.run !== before.run) this.#changed(state, before);
    else if (state.step !== before.step && state.step !== this.#position.step) this.do({ type: "show", step: state.step });
    if (state.run !== before.run || state.step !== before.step) {
      this.#measure();
      this.#show();
    }
    if (state.phase !== before.phase) this.#playOnce();
    const { selection } = state;
    if (selection && selection !== before.selection && !this.#attending.chose(selection)) this.#goTo(selection);
  }

  /**
   * @param {State} state
   * @param {State} before
   */
  #changed({ run, step }, { run: old }) {
    const { step: place } = this.#position;
    if (!run || run.number !== old?.number) this.do({ type: "load", step });
    else if (run.steps[step] === old.steps[place]) this.do({ type: "moved", step });
    else this.do({ type: "show", step }); // even in the same place: a run can be there before its first step is
  }

  /** @param {Selection} selection chosen by hand: the playhead goes there */
  #goTo(selection) {
    const subject = subjectOf(this.#store.state);
    const { at, step, full } = this.#position;
    const event = subject ? eventOf(selection, subject, at) : -1;
    if (event < 0 || event === at) return;
    this.#attending.know({ step, at: event, full });
    this.do(full ? { type: "choose", at: event } : { type: "seek", step, at: event });
  }

  #drawn() {
    const { seen, stage } = this.#picture;
    const { segments } = stage.shown?.picture ?? {};
    if (!seen || !segments) this.#score = null;
    else if (seen.step !== this.#score?.subject.step || segments !== this.#score.subject.segments) {
      const { graph, step, visible } = seen;
      this.#score = new Score({ graph, step, segments, shownBy: visible.shownBy, leftover: this.#leftoverOf(step) });
    }
    this.#motion.begin(this.#score);
    this.#show();
    this.#playOnce();
  }

  /** Once the first run is over and on the stage, whichever comes last. */
  #playOnce() {
    if (!this.#welcoming || !this.#isDrawn() || this.#store.state.phase !== "done") return;
    this.#welcoming = false;
    this.do({ type: "play" });
  }

  /** @returns {Told | null} */
  #told() {
    const subject = subjectOf(this.#store.state);
    if (!subject) return null;
    const { run, graph, step } = subject;
    return { graph, step, lines: run.lines, leftover: this.#leftoverOf(step) };
  }

  /** @param {StepModel} step */
  #leftoverOf(step) {
    if (this.#leftover?.step !== step) {
      const { run, step: place } = this.#store.state;
      const raw = run?.steps[place - 1];
      this.#leftover = { step, grads: leftoverOf(raw ? stepOf(raw) : null, step) };
    }
    return this.#leftover.grads;
  }

  /**
   * @param {number} step
   * @returns {Float64Array} milliseconds of each of its events
   */
  #lasting(step) {
    const key = this.#score ?? this.#store.state;
    const known = this.#durations.get(key);
    if (known) return known;
    const record = this.#store.state.run?.steps[step];
    const made = durations(record ? stepOf(record).events : [], (i) => this.#score?.isVisible(i) ?? true);
    this.#durations.set(key, made);
    return made;
  }

  #measure() {
    const subject = subjectOf(this.#store.state);
    const { run, step } = this.#store.state;
    const phases = subject ? placed(phasesOf(subject.step, subject.graph)) : [];
    const events = subject?.step.events.length ?? 0;
    const words = subject ? stepText(subject.run, subject.step.index).toLowerCase() : "";
    const loss = subject?.step.loss ?? null;
    this.#timeline.measure({ phases, events, steps: run?.steps.length ?? 0, step, words, loss });
  }

  #show() {
    const position = this.#position;
    if (position.step !== this.#store.state.step) return;
    const told = this.#told();
    const words = told ? this.#words(told) : { position: "", narration: "" };
    this.#timeline.show(position, words);
    const pace = this.#pace();
    const score = this.#isDrawn() ? this.#score : null;
    if (score) this.#motion.show(position, STILL.matches || pace < SLOW_ENOUGH);
    if (told) this.#attending.follow({ position, told, score, pace });
    for (const watcher of this.#watchers) watcher();
  }

  /** @param {Told} told */
  #words(told) {
    const { at } = this.#position;
    if (this.#said.step !== told.step || this.#said.at !== at) {
      this.#said = { step: told.step, at, position: positionText(at, told), narration: narrate(at, told) };
      this.#attending.hear(this.#said.narration, this.#position);
    }
    return this.#said;
  }

  /** @returns {number} milliseconds that the event takes now */
  #pace() {
    const { step, at, speed, playing } = this.#position;
    return playing ? this.#reel.duration(step, at) / speed : Infinity;
  }
}
