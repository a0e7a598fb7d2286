import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { useValue } from '../api/signal.ts'
import { Button } from '../parts/ask/button.tsx'
import { Icon } from '../parts/icon.tsx'
import { KeyList } from './keyList.tsx'
import { searchField, useKeys } from './keys.ts'
import { go, here, to } from './location.ts'
import { ROUTES } from './routes.ts'
import { logOut, me, whyNot } from './session.ts'
import { nextTheme, theme } from './theme.ts'

/** What is around every page: the navigation, who the user is, and the keys that work everywhere. */
export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  const [isListed, setListed] = useState(false)
  useKeys([
    ...ROUTES.map(({ key, name, title }) => ({ keys: `g ${key}`, does: `Go to ${title}`, run: () => go(to(name)) })),
    { keys: '/', does: 'Search', run: focusSearch },
    { keys: '?', does: 'Show the keys', run: () => setListed(true) },
  ])
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <Navigation showKeys={() => setListed(true)} />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {isListed && <KeyList close={() => setListed(false)} />}
    </div>
  )
}

function Navigation({ showKeys }: { showKeys: () => void }): JSX.Element {
  const [current = ''] = here.value.segments
  const [isOpen, setOpen] = useState(false)
  return (
    <header class="side">
      <a class="brand" href={to('')}>
        <Icon name="mark" /> <span>{me.value?.name ?? 'celeriac'}</span>
      </a>
      {/* On a narrow screen alone. */}
      <button type="button" class="button pages" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Pages
      </button>
      <nav aria-label="Pages" class={isOpen ? 'open' : ''}>
        {ROUTES.map(({ name, title, key, needs }) => {
          const barred = needs && whyNot(needs)
          return (
            <a
              key={name}
              href={to(name)}
              class={barred && 'barred'}
              aria-current={name === current ? 'page' : undefined}
              title={barred ?? `g ${key}`}
              onClick={() => setOpen(false)}
            >
              <Icon name={name === '' ? 'overview' : name} /> <span>{title}</span>
            </a>
          )
        })}
      </nav>
      <Who showKeys={showKeys} />
    </header>
  )
}

/** The user, and what is set for this browser. */
function Who({ showKeys }: { showKeys: () => void }): JSX.Element {
  const session = me.value
  return (
    <div class="who">
      {session?.id !== undefined && (
        <p class="quiet">
          <bdi>{session.id}</bdi>
          {session.role !== null && ` · ${session.role}`}
        </p>
      )}
      {session?.readOnly && <p class="quiet">Read-only</p>}
      <div class="row">
        <Button kind="icon" label={`Colors: ${theme.value}`} onPress={nextTheme}>
          <Icon name={`theme-${useValue(theme)}`} />
        </Button>
        <Button kind="icon" label="Keys" onPress={showKeys}>
          <Icon name="keys" />
        </Button>
        {session !== undefined && !session.open && (
          <Button kind="icon" label="Log out" onPress={logOut}>
            <Icon name="leave" />
          </Button>
        )}
      </div>
    </div>
  )
}

function focusSearch(): void {
  searchField()?.focus()
}
