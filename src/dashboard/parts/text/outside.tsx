import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { bytes } from './format.ts'
import { Scrolled } from './scrolled.tsx'

/** Characters of a text that are drawn before the user asks for more; a text of megabytes would freeze the page. */
const DRAWN = 2000
const MORE = 100_000

/**
 * A text from outside, in one line: what it contains is text, whatever it is. Characters that are not seen, and those
 * that change the direction of what follows, are shown as `\u202e`, as Python prints them.
 */
export function Outside({ text, length = 200 }: { text: string; length?: number }): JSX.Element {
  const isCut = text.length > length
  return <bdi class="outside">{visible(isCut ? `${text.slice(0, length)}…` : text)}</bdi>
}

/** The same in a block, with the lines that it has; the beginning of a long one, with a button for more. */
export function OutsideBlock({ text, label }: { text: string; label: string }): JSX.Element {
  const [drawn, setDrawn] = useState(DRAWN)
  const rest = text.length - drawn
  return (
    <div class="outside-block">
      <Scrolled label={label}>
        <pre>
          <bdi>{visible(text.slice(0, drawn), true)}</bdi>
        </pre>
      </Scrolled>
      {rest > 0 && (
        <button type="button" class="button plain" onClick={() => setDrawn(drawn + MORE)}>
          Show more ({bytes(rest)} left)
        </button>
      )}
    </div>
  )
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const UNSEEN_BUT_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** With what is not seen as its number. Emoji keep their joiners. */
export function visible(text: string, hasLines = false): string {
  return text.replace(hasLines ? UNSEEN_BUT_LINES : UNSEEN, (character) => {
    if (character === '\u200d' || character === '\ufe0f') return character
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')
    return code.length === 4 ? `\\u${code}` : `\\u{${code}}`
  })
}
