/** Whether requests to `url` stay on this machine: `localhost`, 127.0.0.0/8 or ::1. Text that is no URL does not. */
export function isLoopback(url: string | URL): boolean {
  if (!URL.canParse(String(url))) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
