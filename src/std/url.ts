const SECRET_PARAMETER = /([?&;](?:\w*password|passwd|pwd|pass|token|secret|access_key|api_?key)=)[^&;#]*/gi

/**
 * A broker or backend URL for people to read: passwords become `**`, the rest stays as it is, also where it is no valid
 * URL. Several URLs in one text, with `;` or `,` between them, are each taken care of.
 */
export function redactUrl(url: string): string {
  return url.replace(/([a-z][a-z0-9+.-]*:\/\/)([^\s;,]*@)/gi, redactUser).replace(SECRET_PARAMETER, '$1**')
}

/** `user` ends with the last `@`: a password with an unescaped `/` or `@` in it must not show either. */
function redactUser(whole: string, scheme: string, user: string): string {
  const colon = user.indexOf(':')
  // No host, as in `sqlite:///tmp/a:b@c.db`: that is a path.
  if (colon < 0 || user.startsWith('/')) return whole
  return `${scheme}${user.slice(0, colon)}:**@`
}

/** A part of a URL, its `%xx` decoded. Throws what `wrong` makes of what was expected and got. */
export function unescaped(part: string, wrong: (expected: string, got: string) => Error): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) throw wrong('%xx for special characters', 'a lone %')
    throw error
  }
}

/** The scheme of a URL in small letters, as `redis`; undefined where it has none. */
export function schemeOf(url: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*(?=:)/i.exec(url)?.[0]?.toLowerCase()
}
