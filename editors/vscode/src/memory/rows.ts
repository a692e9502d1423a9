/**
 * The rows of the memory view.
 *
 * Invariant: pages of files stand apart from the budget, for the system takes them back by itself.
 */

import { t } from '../l10n';
import type { MemoryNode } from '../protocol';
import { formatBytes, formatUse } from '../size';

export interface Row {
  id: string;
  label: string;
  size: string;
  tooltip: string;
  icon: string;
  children: readonly Row[];
}

/** The rows of `lowtide/memory`'s answer. */
export function memoryRows(root: MemoryNode): Row[] {
  const total: Row = {
    id: 'total',
    label: t('Lowtide'),
    size: root.budgetBytes === undefined ? formatBytes(root.bytes) : formatUse(root.bytes, root.budgetBytes),
    tooltip: t('Anonymous memory of all of Lowtide’s processes, as the kernel counts it, and the budget.'),
    icon: 'database',
    children: root.children.map((child) => rowOf(child, root.bytes, 'total')),
  };
  if (root.mappedBytes === undefined) {
    return [total];
  }
  const mapped: Row = {
    id: 'mapped',
    label: t('Mapped files'),
    size: formatBytes(root.mappedBytes),
    tooltip: t('Not in the budget: the system takes these back by itself when it needs memory.'),
    icon: 'file-binary',
    children: [],
  };
  return [total, mapped];
}

function rowOf(node: MemoryNode, total: number, parent: string): Row {
  const id = `${parent}/${node.name}`;
  const role = node.name.split(' ')[0] ?? '';
  return {
    id,
    label: labelOf(node.name),
    size: formatBytes(node.bytes),
    tooltip: [
      t('{0}: {1} of {2}', labelOf(node.name), formatBytes(node.bytes), formatBytes(total)),
      ...cacheOf(node),
    ].join('\n'),
    icon: role === 'daemon' ? 'server-process' : role === 'worker' ? 'gear' : 'symbol-field',
    children: [...node.children].sort((a, b) => b.bytes - a.bytes).map((child) => rowOf(child, total, id)),
  };
}

function labelOf(name: string): string {
  return name === 'unattributed' ? t('other') : name;
}

function cacheOf(node: MemoryNode): string[] {
  if (node.limitBytes === undefined) {
    return [];
  }
  const asked = (node.hits ?? 0) + (node.misses ?? 0);
  return [t('At most {0}; {1} of {2} lookups found in it.', formatBytes(node.limitBytes), node.hits ?? 0, asked)];
}
