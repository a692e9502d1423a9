// Draws what the extension sends: samples of memory over time, the budget, and what was being done.
'use strict';
(() => {
  const vscode = acquireVsCodeApi();
  const words = JSON.parse(document.getElementById('words').textContent);
  const main = document.getElementById('main');
  const MIB = 1024 * 1024;
  const HEIGHT = 340;
  const PAD = { left: 64, right: 16, top: 18, bottom: 38 };
  const NS = 'http://www.w3.org/2000/svg';
  let last = { samples: [], now: null, trouble: '' };
  let cursor;
  let tableOpen = false;

  const element = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const shape = (name, attributes, text) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const size = (bytes) =>
    bytes >= 10240 * MIB ? `${(bytes / 1024 / MIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
  const clock = (seconds, span) =>
    new Date(seconds * 1000).toLocaleTimeString(document.documentElement.lang, {
      hour: '2-digit',
      minute: '2-digit',
      ...(span < 600 ? { second: '2-digit' } : {}),
    });
  /** What a sample is drawn as: its state, or that work was reduced. */
  const phaseOf = (sample) =>
    sample.state === 'paused' || sample.step === 'paused'
      ? 'paused'
      : sample.step !== 'full'
        ? 'reduced'
        : sample.state === 'waiting'
          ? 'scanning'
          : (sample.state ?? 'idle');

  function step(top, count) {
    const raw = top / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= raw);
  }

  function figures() {
    const { now } = last;
    const list = element('dl', { class: 'figures' });
    if (!now) return list;
    const rows = [
      [words.used, size(now.usedBytes)],
      [words.budget, size(now.budgetBytes)],
      [words.peak, size(now.peakBytes)],
      [words.mapped, size(now.mappedBytes)],
      [words.phase, words[`state.${now.state}`]],
    ];
    for (const [name, value] of rows)
      list.append(element('div', {}, element('dt', {}, name), element('dd', {}, value)));
    if (now.step !== 'full' && now.step !== 'paused') {
      const value = element('dd', { class: 'warn', title: now.reason }, words[`step.${now.step}`]);
      list.append(element('div', {}, element('dt', {}, words.step), value));
    }
    return list;
  }

  function draw() {
    const focused = document.activeElement?.id === 'graph';
    const { samples, trouble } = last;
    const parts = [figures()];
    if (trouble) parts.push(element('p', { class: 'trouble', role: 'status' }, trouble));
    if (samples.length < 2) parts.push(element('p', {}, words.none));
    else parts.push(graph(samples), reading(samples), legend(samples), table(samples));
    main.replaceChildren(...parts);
    if (focused) document.getElementById('graph')?.focus();
  }

  let scale;
  function graph(samples) {
    const width = Math.max(360, main.clientWidth);
    const first = samples[0].time;
    const end = Math.max(samples.at(-1).time, first + 1);
    const top = Math.max(...samples.map((sample) => Math.max(sample.usedBytes, sample.budgetBytes))) * 1.08;
    const x = (time) => PAD.left + ((time - first) / (end - first)) * (width - PAD.left - PAD.right);
    const y = (bytes) => HEIGHT - PAD.bottom - (bytes / top) * (HEIGHT - PAD.top - PAD.bottom);
    scale = { x, y, width, samples };
    const svg = shape('svg', {
      id: 'graph',
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: 'img',
      tabindex: 0,
      'aria-label': `${words.graph}. ${words.keys}`,
      'aria-describedby': 'read',
    });
    const base = HEIGHT - PAD.bottom;
    // What was being done, behind the line.
    for (const [phase, from, to] of phases(samples)) {
      if (phase === 'idle') continue;
      const wide = Math.max(1.5, x(to) - x(from));
      svg.append(
        shape('rect', { class: `band ${phase}`, x: x(from), y: PAD.top, width: wide, height: base - PAD.top }),
      );
      svg.append(shape('rect', { class: `mark ${phase}`, x: x(from), y: base + 2, width: wide, height: 4 }));
    }
    const unit = step(top / MIB, 5) * MIB;
    for (let bytes = 0; bytes <= top; bytes += unit) {
      svg.append(shape('line', { class: 'grid', x1: PAD.left, x2: width - PAD.right, y1: y(bytes), y2: y(bytes) }));
      svg.append(shape('text', { x: PAD.left - 8, y: y(bytes) + 4, 'text-anchor': 'end' }, size(bytes)));
    }
    const ticks = Math.max(2, Math.min(8, Math.floor(width / 140)));
    for (let index = 0; index <= ticks; index += 1) {
      const time = first + ((end - first) * index) / ticks;
      const anchor = index === 0 ? 'start' : index === ticks ? 'end' : 'middle';
      svg.append(shape('text', { x: x(time), y: HEIGHT - 12, 'text-anchor': anchor }, clock(time, end - first)));
    }
    // A figure holds until the next: steps, not slopes.
    let line = `${x(first)},${y(samples[0].usedBytes).toFixed(1)}`;
    for (const sample of samples.slice(1)) line += `H${x(sample.time).toFixed(1)}V${y(sample.usedBytes).toFixed(1)}`;
    svg.append(shape('path', { class: 'area', d: `M${x(first)},${base}L${line}V${base}Z` }));
    svg.append(shape('path', { class: 'used', d: `M${line}` }));
    let budget = `M${x(first)},${y(samples[0].budgetBytes)}`;
    for (const sample of samples.slice(1))
      budget += `H${x(sample.time).toFixed(1)}V${y(sample.budgetBytes).toFixed(1)}`;
    svg.append(shape('path', { class: 'budget', d: budget }));
    const lastBudget = samples.at(-1).budgetBytes;
    svg.append(
      shape(
        'text',
        { class: 'budget-name', x: width - PAD.right, y: y(lastBudget) - 6, 'text-anchor': 'end' },
        `${words.budget} ${size(lastBudget)}`,
      ),
    );
    const mark = shape('g', { id: 'cursor' });
    svg.append(mark);
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      point(nearest(((event.clientX - box.left) / box.width) * width));
    });
    svg.addEventListener('pointerleave', () => point(undefined));
    svg.addEventListener('keydown', (event) => {
      const at = cursor === undefined ? samples.length - 1 : samples.findIndex((sample) => sample.time === cursor);
      const to = {
        ArrowLeft: at - 1,
        ArrowRight: at + 1,
        Home: 0,
        End: samples.length - 1,
        PageUp: at - 20,
        PageDown: at + 20,
      }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        point(samples[Math.max(0, Math.min(samples.length - 1, to))]);
      }
    });
    requestAnimationFrame(() => point(samples.find((sample) => sample.time === cursor)));
    return svg;
  }

  function nearest(at) {
    return scale.samples.reduce((best, sample) =>
      Math.abs(scale.x(sample.time) - at) < Math.abs(scale.x(best.time) - at) ? sample : best,
    );
  }

  function point(sample) {
    cursor = sample?.time;
    const mark = document.getElementById('cursor');
    const read = document.getElementById('read');
    if (!mark || !read) return;
    mark.replaceChildren();
    read.textContent = sample ? say(sample) : '\u00a0';
    if (sample) {
      const x = scale.x(sample.time);
      mark.append(shape('line', { class: 'cursor', x1: x, x2: x, y1: PAD.top, y2: HEIGHT - PAD.bottom }));
      mark.append(shape('circle', { class: 'dot', cx: x, cy: scale.y(sample.usedBytes), r: 4.5 }));
    }
  }

  const doing = (sample) => {
    const state = sample.state ? words[`state.${sample.state}`] : '';
    return [state, sample.step === 'full' || sample.step === sample.state ? '' : words[`step.${sample.step}`]]
      .filter(Boolean)
      .join(', ');
  };
  const say = (sample) =>
    [clock(sample.time, 0), `${size(sample.usedBytes)} / ${size(sample.budgetBytes)}`, doing(sample)]
      .filter(Boolean)
      .join(' · ');

  function phases(samples) {
    const found = [];
    samples.forEach((sample, index) => {
      const phase = phaseOf(sample);
      const until = samples[index + 1]?.time ?? sample.time;
      const before = found.at(-1);
      if (before?.[0] === phase) before[2] = until;
      else found.push([phase, sample.time, until]);
    });
    return found;
  }

  function reading() {
    return element('p', { id: 'read', class: 'read', 'aria-live': 'polite' }, '\u00a0');
  }

  function legend(samples) {
    const list = element('ul', { class: 'legend' });
    const add = (sign, name) => {
      const svg = shape('svg', { viewBox: '0 0 18 10', 'aria-hidden': 'true' });
      svg.append(sign);
      list.append(element('li', {}, svg, name));
    };
    add(shape('path', { class: 'used', d: 'M0,5H18' }), words.used);
    add(shape('path', { class: 'budget', d: 'M0,5H18' }), words.budget);
    for (const phase of new Set(samples.map(phaseOf))) {
      if (phase !== 'idle') {
        add(shape('rect', { class: phase, x: 2, y: 1, width: 14, height: 8 }), words[`state.${phase}`] ?? words[phase]);
      }
    }
    return list;
  }

  function table(samples) {
    const details = element('details', {}, element('summary', {}, words.table));
    details.open = tableOpen;
    details.addEventListener('toggle', () => {
      tableOpen = details.open;
      if (tableOpen && !details.querySelector('table')) details.append(rows(samples));
    });
    if (tableOpen) details.append(rows(samples));
    return details;
  }

  function rows(samples) {
    const every = Math.ceil(samples.length / 40);
    const head = element(
      'tr',
      {},
      ...[words.time, words.used, words.budget, words.phase].map((name) => element('th', { scope: 'col' }, name)),
    );
    const body = samples
      .filter((_, index) => index % every === 0 || index === samples.length - 1)
      .reverse()
      .map((sample) =>
        element(
          'tr',
          {},
          ...[clock(sample.time, 0), size(sample.usedBytes), size(sample.budgetBytes), doing(sample)].map((text) =>
            element('td', {}, text),
          ),
        ),
      );
    return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
  }

  window.addEventListener('message', ({ data }) => {
    last = data;
    draw();
  });
  new ResizeObserver(() => draw()).observe(document.body);
  vscode.postMessage('ready');
})();
