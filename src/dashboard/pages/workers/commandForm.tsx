import type { JSX } from 'preact'
import { useId, useState } from 'preact/hooks'
import { client } from '../../api/client.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { confirm } from '../../parts/ask/confirm.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { type CommandFacts, type CommandField, membersOf, wrongIn } from './commandTable.ts'
import type { SeenWorker } from './seenWorker.ts'

export interface CommandFormProps {
  readonly worker: SeenWorker
  readonly facts: CommandFacts
  /** Ids of the lists of names that fields propose. */
  readonly lists?: Readonly<Partial<Record<CommandField['kind'], string>>>
  readonly reload: () => Promise<void>
}

/** A command to a worker: its fields, its button, and what the worker answered, or why it did not do it. */
export function CommandForm({ worker, facts, lists = {}, reload }: CommandFormProps): JSX.Element {
  const { command, action, fields, question } = facts
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(startOf(fields))
  const [isTried, setTried] = useState(false)
  const [answer, setAnswer] = useState<string | Error>()
  const unable = whyNot('control') ?? facts.whyNot?.(worker)
  const send = async (): Promise<void> => {
    setTried(true)
    if (fields.some((field) => wrongIn(field, texts[field.name] ?? '') !== undefined)) return
    if (question !== undefined && !(await confirm({ title: `${action}?`, text: question, action }))) return
    setAnswer(undefined)
    try {
      const { ok } = await client.workers.command(worker.name, command, membersOf(fields, texts) as never)
      setAnswer(ok)
      setTried(false)
    } catch (error) {
      setAnswer(error as Error)
    }
    await reload()
  }
  return (
    <form class="command" aria-label={action} noValidate>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          list={lists[field.kind]}
          text={texts[field.name] ?? ''}
          isTried={isTried}
          change={(text) => setTexts({ ...texts, [field.name]: text })}
        />
      ))}
      <Button submit disabled={unable} onPress={send}>
        {action}
      </Button>
      <div class="answer" role="status">
        {typeof answer === 'string' && (
          <p>
            <Icon name="done" /> It answered: <Outside text={answer} />
          </p>
        )}
        {unable !== undefined && <p class="quiet">{unable}.</p>}
      </div>
      {answer instanceof Error && <Problem error={answer} />}
    </form>
  )
}

interface FieldProps {
  readonly field: CommandField
  readonly list: string | undefined
  readonly text: string
  readonly isTried: boolean
  readonly change: (text: string) => void
}

function Field({ field, list, text, isTried, change }: FieldProps): JSX.Element {
  const { label, kind, min, max, hint } = field
  const id = useId()
  const wrong = isTried ? wrongIn(field, text) : undefined
  const isNumber = kind === 'whole' || kind === 'seconds'
  return (
    <div class={`field ${kind}`}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type={isNumber ? 'number' : 'text'}
        step={kind === 'seconds' ? 'any' : undefined}
        min={min}
        max={max}
        list={list}
        value={text}
        aria-invalid={wrong !== undefined}
        aria-describedby={`${id}-more`}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      <span id={`${id}-more`} class={wrong === undefined ? 'hint' : 'wrong'}>
        {wrong ?? hint}
      </span>
    </div>
  )
}

function startOf(fields: readonly CommandField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, start = '' }) => [name, start]))
}
