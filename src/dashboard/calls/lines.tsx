import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../parts/ask/button.tsx'
import { copy } from '../parts/text/copy.tsx'
import { Scrolled } from '../parts/text/scrolled.tsx'

export interface Line {
  readonly title: string
  /** Of the region. */
  readonly label: string
  readonly text: string
}

/** A longer one is copied, and not drawn whole. */
const MAX_DRAWN = 20_000

/** The same call in some languages, each to be copied. */
export function Lines({ lines }: { lines: readonly Line[] }): JSX.Element {
  const [chosen, choose] = useState(0)
  const line = lines[chosen] ?? lines[0]
  const { label = '', text = '' } = line ?? {}
  const isLong = text.length > MAX_DRAWN
  return (
    <div class="lines">
      <div class="row">
        {lines.map(({ title }, index) => (
          <Button key={title} pressed={index === chosen} onPress={() => choose(index)}>
            {title}
          </Button>
        ))}
        <span class="push">
          <Button onPress={() => copy(text)}>Copy</Button>
        </span>
      </div>
      <Scrolled label={label}>
        <pre>{isLong ? `${text.slice(0, MAX_DRAWN)}…` : text}</pre>
      </Scrolled>
      {isLong && <p class="quiet">This is the beginning. Copy it to get all of it.</p>}
    </div>
  )
}
