/** What the service says of itself when it is ready. */
export interface WelcomeFacts {
  readonly url: string
  /** Where tasks wait. */
  readonly store: string
  /** URLs that were given on the command line. */
  readonly broker: string | undefined
  readonly backend: string | undefined
  readonly pool: { readonly kind: string; readonly size: number }
}

const BODY = `{"f": "sqrt(4-xs**2)", "a": 0, "b": 2, "c": 0, "d": 2, "size": 1000000}`
const LONG = BODY.replace('1000000', '1000000000')
const ITEMS = `f='sqrt(4-xs**2)' a:=0 b:=2 c:=0 d:=2`

/** Where it is and what to try next, ready to paste into a shell. */
export function welcome({ url, store, broker, backend, pool }: WelcomeFacts): string {
  const short = url.replace(/^http:\/\/127\.0\.0\.1(?=:)/, '')
  const stores = [broker && ` -b '${broker}'`, backend && ` --result-backend '${backend}'`].join('')
  const rest = backend?.startsWith('rpc:')
    ? 'integrals that are not done then go on after the next start, but with rpc:// nobody hears of their results.'
    : 'integrals that are not done then go on after the next start.'
  return `
integral is at ${url}  (${store}, ${pool.size} ${pool.kind})

With curl: start an integral (a quarter of a circle of radius 2: its area is pi), list all, see that one, start one
that takes long and cancel it, submit one by celeriac's own API
  id=$(curl -sX PUT ${url}/ -d '${BODY}' | tr -dc 0-9)
  curl ${url}/
  curl ${url}/$id
  id=$(curl -sX PUT ${url}/ -d '${LONG}' | tr -dc 0-9)
  curl -X DELETE ${url}/$id
  curl ${url}/v1/tasks/integrate -H 'content-type: application/json' -d '${BODY}'

The same with httpie
  id=$(http -b PUT ${short}/ ${ITEMS} size:=1000000 | tr -dc 0-9)
  http ${short}/
  http ${short}/$id
  id=$(http -b PUT ${short}/ ${ITEMS} size:=1000000000 | tr -dc 0-9)
  http DELETE ${short}/$id
  http POST ${short}/v1/tasks/integrate ${ITEMS}

In a browser
  ${url}/docs

From code, in another terminal
  npm run celeriac -- shell -A examples/integral/tasks.ts${stores}
  > t = await integrate.delay({ f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1000000 })
  > await t.state()
  > await t.get()

Ctrl-C stops it; ${rest}
`
}
