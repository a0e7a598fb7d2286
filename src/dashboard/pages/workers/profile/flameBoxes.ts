import type { Call } from './callTree.ts'

/** A call as it is drawn: shares of the width, 0 to 1. */
export interface FlameBox {
  readonly call: Call
  readonly parent: FlameBox | undefined
  /** From the top, 0. */
  readonly row: number
  readonly left: number
  readonly width: number
}

export interface Flame {
  /** Each before those that it calls. */
  readonly boxes: readonly FlameBox[]
  readonly rows: number
  /** Calls that are too short, too deep, or too many to be drawn. */
  readonly hidden: number
}

/** More boxes than these would make the page slow. */
const MAX_BOXES = 3000
/** Calls deeper than these, as of an endless recursion. */
const MAX_ROWS = 200
/** Less than half of a pixel on a wide screen. */
const MIN_WIDTH = 0.0002

/** The boxes below this call, which has the whole width. */
export function flameBoxes(focus: Call): Flame {
  const all: FlameBox[] = [{ call: focus, parent: undefined, row: 0, left: 0, width: 1 }]
  let hidden = 0
  for (const box of all) {
    let { left } = box
    for (const call of box.call.children.toSorted((a, b) => b.total - a.total)) {
      const width = focus.total > 0 ? call.total / focus.total : 0
      if (width < MIN_WIDTH || box.row + 1 >= MAX_ROWS) hidden++
      else all.push({ call, parent: box, row: box.row + 1, left, width })
      left += width
    }
  }
  // What is called is never longer than its caller, and comes after it.
  const boxes = all.length <= MAX_BOXES ? all : all.toSorted((a, b) => b.width - a.width).slice(0, MAX_BOXES)
  return {
    boxes,
    rows: boxes.reduce((most, { row }) => Math.max(most, row + 1), 0),
    hidden: hidden + all.length - boxes.length,
  }
}

/** The box that an arrow key leads to: to the caller, to the longest call in it, to its neighbours. */
export function boxBeside(boxes: readonly FlameBox[], from: FlameBox, key: string): FlameBox | undefined {
  if (key === 'ArrowUp') return from.parent
  if (key === 'ArrowDown') return boxes.find(({ parent }) => parent === from)
  const row = boxes.filter((one) => one.row === from.row).sort((a, b) => a.left - b.left)
  return row[row.indexOf(from) + (key === 'ArrowRight' ? 1 : -1)]
}
