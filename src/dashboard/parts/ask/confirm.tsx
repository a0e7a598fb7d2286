import { type Signal, signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
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
  const question = open.value
  if (!question) return null
  return (
    <Dialog title={question.title} close={() => question.answer(false)}>
      <div class="text">{question.text}</div>
      <footer>
        <Button onPress={() => question.answer(false)}>Cancel</Button>
        <Button kind={question.kind ?? 'danger'} onPress={() => question.answer(true)}>
          {question.action}
        </Button>
      </footer>
    </Dialog>
  )
}
