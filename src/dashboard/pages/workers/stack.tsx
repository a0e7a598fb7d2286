import type { JSX } from 'preact'
import type { WorkerStackDocument } from '../../../protocol/workerDocument.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Scrolled } from '../../parts/text/scrolled.tsx'
import { readFrame } from './frame.ts'

/** What a slot executes, the innermost call first; calls of the application's own code stand out. */
export function Stack({ stack, name }: { stack: WorkerStackDocument | undefined; name: string }): JSX.Element {
  if (!stack) return <p class="quiet">It began after the stacks were taken: refresh them to see it.</p>
  if (!stack.stack)
    return (
      <p class="quiet">
        {stack.slot === undefined
          ? 'It runs in the thread of the worker itself, whose stack cannot be taken. A profile shows what it does.'
          : 'It executes no JavaScript now: it waits, as for an answer or a timer, or it is in native code.'}
      </p>
    )
  return (
    <Scrolled label={`Stack of ${name}`}>
      <ol class="stack">
        {stack.stack.map((text, at) => {
          const { name: call, place, kind } = readFrame(text)
          return (
            // The calls of a stack have no names of their own, and never change.
            <li key={at} class={kind}>
              <Outside text={call} length={120} />{' '}
              <span class="place">
                <Outside text={place} length={300} />
              </span>
            </li>
          )
        })}
      </ol>
    </Scrolled>
  )
}
