import { h } from './element.js'
import { taskView } from './task.js'

/* The page of an API's documentation: reads openapi.json beside it, and shows what is in the address after the #. */

const main = document.querySelector('main')
const list = document.querySelector('.side ul')
const find = document.querySelector('.side input')
/** Where the API is mounted: the page lies at its root. */
const root = location.pathname.replace(/\/docs\/?$/, '')
let token = sessionStorage.getItem('token') ?? ''
let leave = new AbortController()

/** Ask the server, with the credentials of the user. */
function api(url, options = {}) {
  const headers = { ...options.headers, ...(token ? { authorization: token } : {}) }
  return fetch(url, { ...options, headers })
}

async function start() {
  const response = await api(`${root}/openapi.json`)
  if (response.status === 401) {
    access(/basic/i.test(response.headers.get('www-authenticate') ?? '') ? 'basic' : 'bearer')
    main.replaceChildren(
      h('h1', { tabindex: -1 }, 'Who are you?'),
      h('p', { class: 'lead' }, 'This API requires authentication. Sign in above.'),
    )
    return
  }
  if (!response.ok) throw new Error(`openapi.json: HTTP ${response.status}`)
  show(await response.json())
}

function show(api31) {
  const tasks = tasksOf(api31)
  const { title } = api31.info
  document.title = `${title} API`
  document.querySelector('.brand').textContent = title
  document.querySelector('.server').textContent = location.host + root
  const [scheme] = Object.keys(api31.components.securitySchemes ?? {})
  if (scheme) access(scheme)
  const links = tasks.map(({ name }) => h('li', {}, h('a', { href: linkTo(name) }, name)))
  list.replaceChildren(...links)
  const none = h('p', { class: 'quiet', role: 'status' })
  list.after(none)
  find.addEventListener('input', () => {
    const wanted = find.value.trim()
    for (const link of links) link.hidden = !link.textContent.toLowerCase().includes(wanted.toLowerCase())
    none.textContent = links.every((link) => link.hidden) ? `No task has “${wanted}” in its name.` : ''
  })
  const go = (focus) => {
    leave.abort()
    leave = new AbortController()
    route(api31, tasks)
    if (focus) main.querySelector('h1')?.focus()
  }
  addEventListener('hashchange', () => go(true))
  go(false)
}

function linkTo(name) {
  return `#/tasks/${encodeURIComponent(name)}`
}

function route(api31, tasks) {
  const name = decodeURIComponent(/^#\/tasks\/(.+)$/.exec(location.hash)?.[1] ?? '')
  const task = tasks.find((one) => one.name === name)
  for (const link of list.querySelectorAll('a')) {
    if (link.textContent === name) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  const scene = { document: api31, api, root, authorized: () => token !== '', signal: leave.signal }
  const view = task ? taskView(scene, task) : overview(api31, tasks)
  main.replaceChildren(...view.filter((part) => part))
}

/** Every task with its path, in the document's order. */
function tasksOf({ paths }) {
  return Object.entries(paths).flatMap(([path, { post }]) => {
    const name = post?.['x-celeriac-task']
    return name === undefined ? [] : [{ name, path, operation: post }]
  })
}

function overview({ info, paths }, tasks) {
  const names = tasks.map(({ name, operation }) => {
    const summary = operation.summary === `Submit ${name}` ? '' : operation.summary
    return h('tr', {}, h('td', {}, h('a', { href: linkTo(name) }, name)), h('td', {}, summary))
  })
  const others = Object.entries(paths).flatMap(([path, item]) =>
    ['get', 'post', 'delete'].flatMap((method) => {
      const operation = item[method]
      if (!operation || operation['x-celeriac-task'] !== undefined) return []
      const verb = method.toUpperCase()
      return h('tr', {}, h('td', {}, h('span', { class: `verb ${verb}` }, verb), path), h('td', {}, operation.summary))
    }),
  )
  const document31 = h('a', { href: `${root}/openapi.json` }, 'openapi.json')
  return [
    h('h1', { tabindex: -1 }, info.title),
    h('p', { class: 'lead' }, (info.description ?? '').replaceAll('`', '')),
    h('h2', {}, 'Tasks'),
    names.length > 0 ? h('table', {}, h('tbody', {}, names)) : h('p', { class: 'quiet' }, 'No task is exposed.'),
    h('h2', {}, 'Jobs, batches and the server'),
    h('table', {}, h('tbody', {}, others)),
    h('p', { class: 'quiet' }, 'The whole description, for programs: ', document31),
  ]
}

/** Where the API requires credentials: a token or a user, kept until the browser's tab is closed. */
function access(scheme) {
  const place = document.querySelector('.access')
  const label = scheme === 'basic' ? 'User:password' : 'Token'
  const input = h('input', { type: 'password', id: 'access', placeholder: label, autocomplete: 'off' })
  const enter = (event) => {
    event.preventDefault()
    const given = input.value.trim()
    token =
      given === ''
        ? ''
        : scheme === 'basic'
          ? `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(given)))}`
          : `Bearer ${given}`
    sessionStorage.setItem('token', token)
    location.reload()
  }
  const button = h('button', { type: 'submit' }, token ? 'Change' : 'Sign in')
  const hidden = h('label', { for: 'access', class: 'hidden' }, label)
  place.replaceChildren(h('form', { class: 'bar', onsubmit: enter }, hidden, input, button))
  place.hidden = false
}

// The address after the # names a view: a link to #main would lead to another.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})

start().catch((error) => {
  main.replaceChildren(
    h('h1', { tabindex: -1 }, 'This page cannot be shown'),
    h('p', { class: 'notice', role: 'alert' }, error.message),
  )
})
