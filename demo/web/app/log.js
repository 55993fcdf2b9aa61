/** The list of what happened: the only part of the page that a screen reader is told of by itself, one sentence for each action. */
import { byId } from './dom.js';

const ENTRIES_MAX = 40;

/** @param {string} text */
export function log(text) {
  const time = document.createElement('time');
  const now = new Date();
  time.dateTime = now.toISOString();
  time.textContent = now.toTimeString().slice(0, 8);
  const words = document.createElement('span');
  words.textContent = text;
  const entry = document.createElement('li');
  entry.append(time, words);
  const list = byId('log');
  list.prepend(entry);
  while (list.children.length > ENTRIES_MAX) list.lastElementChild?.remove();
}
