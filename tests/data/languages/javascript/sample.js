'use strict';
/**
 * Water levels of a harbour.
 */
import fs, { readFile } from 'node:fs';

export const GRAVITY = 9.81, LIMIT = 8;
let counter = 0;
var legacy;
const { low, high } = require('./levels');

/** Adds two levels. */
export function add(a, b = 1) {
  const local = a;
  function inner() { return local; }
  const helper = (x) => x + b;
  return helper(inner());
}

function* series() { yield 1; }
async function load() {}

export default class Gauge extends Base {
  // The station's name.
  station = 'Årø';
  #secret = 1;
  static count = 0;
  onRead = (level) => { this.last = level; };

  /** Made for a station. */
  constructor(station) {
    super();
    this.station = station;
  }

  get level() { return this.#secret; }
  set level(value) { this.#secret = value; }
  static async *stream() {}
  #hidden() {}
  'quoted name'() {}
  [Symbol.iterator]() {}
}

/* Reads one level. */
const read = async (at) => {
  return at;
};

const named = function namedInside(x) { return x; };
const Window = class { shift() {} };

Gauge.prototype.nearest = function (instant) {
  return instant;
};
exports.open = function () {};
module.exports = {
  close() {},
  read: function () {},
  'write-all': () => {},
  depth: 3,
};

const options = {
  unit: 'm',
  format(level) { return `${level} m`; },
  nested: { deeper: (x) => x },
};

(function () {
  var wrapped = 1;
  function iife() {}
  window.onTide = function () {};
})();

describe('gauge', () => {
  const fixture = 1;
  function setUp() {}
  it('reads', function () {});
});

const größe = () => 1;
