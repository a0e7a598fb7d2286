import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Signal, signal, useValue } from '../../api/signal.ts'
import { Outside, visible } from '../text/outside.tsx'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'

/** A question before something that cannot be taken back. */
export interface Question {
  readonly title: string
  /** What will happen, to what, and how many. */
  readonly text: ComponentChildren
  /** On the button: what it does, as `Purge 12 messages`. */
  readonly action: string
  readonly kind?: 'danger' | 'primary'
  /** What the user must type first, as the name of what goes for good. */
  readonly typed?: string
}

interface Open extends Question {
  readonly answer: (isYes: boolean) => void
}

const open: Signal<Open | undefined> = signal(undefined)

/** Ask the user. Resolves to true when they want it. */
export function confirm(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    open.value?.answer(false)
    open.value = {
      ...question,
      answer: (isYes) => {
        open.value = undefined
        resolve(isYes)
      },
    }
  })
}

/** Rendered once, beside the pages. */
export function Confirmation(): JSX.Element | null {
  const question = useValue(open)
  return question ? <Asked key={question.title} question={question} /> : null
}

function Asked({ question }: { question: Open }): JSX.Element {
  const { title, text, action, kind = 'danger', typed, answer } = question
  const [input, setInput] = useState('')
  // Characters that no key has are typed as they are shown.
  const isTyped = typed === undefined || input === typed || input === visible(typed)
  return (
    <Dialog title={title} close={() => answer(false)}>
      <form
        class="confirm"
        onSubmit={(event) => {
          event.preventDefault()
          if (isTyped) answer(true)
        }}
      >
        <div class="text">{text}</div>
        {typed !== undefined && (
          <label class="field">
            <span>
              Type <Outside text={typed} /> to go on
            </span>
            <input
              value={input}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setInput(event.currentTarget.value)}
            />
          </label>
        )}
        <footer>
          <Button onPress={() => answer(false)}>Cancel</Button>
          <Button
            kind={kind}
            submit
            disabled={isTyped ? undefined : 'The text above is not typed yet'}
            onPress={() => answer(true)}
          >
            {action}
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
