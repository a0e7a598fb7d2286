import type { Context, MiddlewareHandler } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { SESSION_SECRET } from '../config.ts'
import { findUser, type User } from '../models/users.ts'

/** What the middleware finds out about a request. */
export interface Env {
  Variables: { user: User | undefined }
}

const COOKIE = 'user'

/** Who sent it, by the cookie. */
export const session: MiddlewareHandler<Env> = async (c, next) => {
  c.set('user', findUser(await getSignedCookie(c, SESSION_SECRET, COOKIE)))
  await next()
}

/** Nobody else comes through. */
export const loggedIn: MiddlewareHandler<Env> = async (c, next) => {
  if (!c.get('user')) return c.redirect('/', 303)
  return await next()
}

export async function logIn(c: Context, user: User): Promise<void> {
  await setSignedCookie(c, COOKIE, user.name, SESSION_SECRET, { httpOnly: true, sameSite: 'Strict', path: '/' })
}

export function logOut(c: Context): void {
  deleteCookie(c, COOKIE, { path: '/' })
}
