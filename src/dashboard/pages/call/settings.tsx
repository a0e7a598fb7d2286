import type { ComponentChildren, JSX } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { CallSettings } from '../../calls/line.ts'
import { Icon } from '../../parts/icon.tsx'

/** What the user has written, as text. */
export interface SettingTexts {
  readonly tags: string
  readonly webhook: string
  readonly idempotencyKey: string
  readonly queue: string
  readonly eta: string
  readonly countdown: string
  readonly priority: string
}

export const NO_SETTINGS: SettingTexts = {
  tags: '',
  webhook: '',
  idempotencyKey: '',
  queue: '',
  eta: '',
  countdown: '',
  priority: '',
}

type Name = keyof SettingTexts

const MAX_TAGS = 20
const TAG = /^\P{Cc}{1,100}$/u
const KEY = /^[\x20-\x7e]{1,255}$/
const WORD = /^\P{Cc}{1,255}$/u
const SECONDS = /^\d{1,9}(?:\.\d{1,3})?$/
const PRIORITY = /^(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])$/

/** The settings of a call, and what is wrong with each. */
export function readSettings(texts: SettingTexts): {
  readonly settings: CallSettings
  readonly wrong: Partial<Record<Name, string>>
} {
  const tags = texts.tags
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
  const eta = texts.eta === '' ? undefined : new Date(texts.eta)
  const checks: readonly (readonly [Name, boolean, string])[] = [
    [
      'tags',
      tags.length <= MAX_TAGS && tags.every((tag) => TAG.test(tag)),
      `Expected at most ${MAX_TAGS} tags, each of 1 to 100 characters`,
    ],
    ['webhook', texts.webhook === '' || URL.canParse(texts.webhook), 'Expected a URL'],
    [
      'idempotencyKey',
      texts.idempotencyKey === '' || KEY.test(texts.idempotencyKey),
      'Expected 1 to 255 characters of ASCII',
    ],
    ['queue', texts.queue === '' || WORD.test(texts.queue), 'Expected 1 to 255 printable characters'],
    ['countdown', texts.countdown === '' || SECONDS.test(texts.countdown), 'Expected seconds, as 30 or 0.5'],
    ['countdown', texts.countdown === '' || eta === undefined, 'Expected none beside a time'],
    ['priority', texts.priority === '' || PRIORITY.test(texts.priority), 'Expected a whole number from 0 to 255'],
  ]
  const wrong = Object.fromEntries(checks.filter(([, isGood]) => !isGood).map(([name, , text]) => [name, text]))
  const text = (name: Name): string | undefined =>
    texts[name] === '' || wrong[name] !== undefined ? undefined : texts[name]
  const number = (name: Name): number | undefined => (text(name) === undefined ? undefined : Number(texts[name]))
  return {
    wrong,
    settings: {
      tags: tags.length === 0 || wrong.tags !== undefined ? undefined : tags,
      webhook: text('webhook'),
      idempotencyKey: text('idempotencyKey'),
      queue: text('queue'),
      eta: eta === undefined || Number.isNaN(eta.getTime()) ? undefined : eta.toISOString(),
      countdown: number('countdown'),
      priority: number('priority'),
    },
  }
}

/** How a task is called beside its input. */
export function Settings(props: {
  texts: SettingTexts
  wrong: Partial<Record<Name, string>>
  change: (texts: SettingTexts) => void
  hasWebhooks: boolean
  /** Where and when it runs: for admins. */
  hasRoute: boolean
}): JSX.Element {
  const { texts, wrong, change, hasWebhooks, hasRoute } = props
  const [isOpen, setOpen] = useState(false)
  const field = (name: Name, label: string, hint: ComponentChildren, type = 'text'): JSX.Element => (
    <Setting
      label={label}
      hint={hint}
      type={type}
      value={texts[name]}
      wrong={wrong[name]}
      put={(value) => change({ ...texts, [name]: value })}
    />
  )
  const set = Object.values(texts).filter((text) => text !== '').length
  return (
    <details
      class="settings"
      open={isOpen || Object.keys(wrong).length > 0}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <Icon name="right" /> Options{set > 0 && ` (${set})`}
      </summary>
      <div class="grid">
        {hasRoute && field('queue', 'Queue', 'Empty: that of the task')}
        {hasRoute && field('priority', 'Priority', '0 to 255')}
        {hasRoute && field('countdown', 'Countdown', 'Seconds until it may run')}
        {hasRoute && field('eta', 'Not before', 'In your time zone', 'datetime-local')}
        {field('tags', 'Tags', 'To find the job by, with commas between them')}
        {field('idempotencyKey', 'Idempotency key', 'A second call with the same key makes no second job')}
        {hasWebhooks && field('webhook', 'Webhook', 'URL that is called when the job has ended', 'url')}
      </div>
    </details>
  )
}

function Setting(props: {
  label: string
  hint: ComponentChildren
  type: string
  value: string
  wrong: string | undefined
  put: (value: string) => void
}): JSX.Element {
  const { label, hint, type, value, wrong, put } = props
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type={type as 'text'}
        value={value}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={wrong === undefined ? undefined : true}
        aria-describedby={wrong === undefined ? `${id}-hint` : `${id}-hint ${id}-wrong`}
        onInput={(event) => put(event.currentTarget.value)}
      />
      <span class="hint" id={`${id}-hint`}>
        {hint}
      </span>
      {wrong !== undefined && (
        <span class="wrong" id={`${id}-wrong`}>
          {wrong}
        </span>
      )}
    </div>
  )
}
