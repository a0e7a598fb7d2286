import { printable } from '../fleet/printable.ts'

/** Characters of two columns: of East Asia, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
/** Characters that a terminal draws over the one before. */
const COMBINING = /[\p{Mn}\p{Me}]/u

/** How text that does not fit is marked. */
const CUT = '~'

/** Columns that a terminal gives to one character that it shows. */
function widthOf(character: string): number {
  if (COMBINING.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** Columns of a text without control characters. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

/** Text in exactly so many columns, cut or filled up; what a terminal would obey is written as an escape. */
export function fitted(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const shown = clipped(printable(text), columns)
  const space = ' '.repeat(Math.max(0, columns - columnsOf(shown)))
  return align === 'left' ? shown + space : space + shown
}

/** The beginning of a text that fits into so many columns, with a mark where more follows. */
export function clipped(text: string, columns: number): string {
  if (text.length <= columns && columnsOf(text) <= columns) return text
  let shown = ''
  let taken = 0
  for (const character of text) {
    const width = widthOf(character)
    if (taken + width > columns - CUT.length) break
    shown += character
    taken += width
  }
  // The rest may be marks without a width.
  return text.length === shown.length ? shown : `${shown}${CUT}`.slice(0, shown.length + Math.max(0, columns - taken))
}
