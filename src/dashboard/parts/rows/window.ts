/** Which rows of a long list are in the document: those that are seen, and some beside them. */
export interface RowWindow {
  readonly first: number
  /** Behind the last one. */
  readonly end: number
}

/** Rows that are drawn above and below what is seen, so that a step of scrolling shows no gap. */
const MARGIN = 12
/** A window moves by so many rows at once: most steps of scrolling then draw nothing. */
const STEP = 4

/** `top`: how far it is scrolled, `seen`: height of what is seen, `height`: of a row; all in px. */
export function windowOf(
  count: number,
  { top, seen, height }: { top: number; seen: number; height: number },
): RowWindow {
  const first = Math.floor(top / height) - MARGIN
  const end = Math.ceil((top + seen) / height) + MARGIN
  const start = Math.max(0, Math.floor(first / STEP) * STEP)
  return { first: Math.min(start, count), end: Math.min(count, Math.max(0, Math.ceil(end / STEP) * STEP)) }
}
