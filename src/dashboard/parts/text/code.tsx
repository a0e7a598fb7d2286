import type { JSX } from 'preact'
import { Copy } from './copy.tsx'
import { Scrolled } from './scrolled.tsx'

/** A line for a shell or a program, with a button that copies it. */
export function Code({ text, label }: { text: string; label: string }): JSX.Element {
  return (
    <div class="code">
      <Scrolled label={label}>
        <pre>{text}</pre>
      </Scrolled>
      <Copy text={text} label={`Copy: ${label}`} />
    </div>
  )
}
