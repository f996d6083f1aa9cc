import { connect } from "node:net";

const proxyVariable = /^(https?|all)_proxy$/i;
const CONNECT_TIMEOUT_MS = 3_000;
const portByScheme: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };
const SOCKS_PORT = 1080;

/** Names of the proxy variables that lead nowhere: nothing takes a connection where they point. */
export async function deadProxies(env: Readonly<Record<string, string>>): Promise<string[]> {
  const entries = Object.entries(env).filter(
    ([name, value]) => proxyVariable.test(name) && value !== "",
  );
  const answers = new Map<string, Promise<boolean>>();
  const dead: string[] = [];
  for (const [name, value] of entries) {
    const answer = answers.get(value) ?? takesConnections(value);
    answers.set(value, answer);
    if (!(await answer)) dead.push(name);
  }
  return dead;
}

function takesConnections(address: string): Promise<boolean> {
  const target = targetOf(address);
  if (target === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ ...target, timeout: CONNECT_TIMEOUT_MS });
    const end = (isTaken: boolean) => {
      socket.destroy();
      resolve(isTaken);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

/** Proxies are often given without a scheme; one that is no address at all leads nowhere. */
function targetOf(address: string): { readonly host: string; readonly port: number } | undefined {
  const url = URL.parse(address.includes("://") ? address : `http://${address}`);
  if (url === null || url.hostname === "") return undefined;
  const port = url.port === "" ? (portByScheme[url.protocol] ?? SOCKS_PORT) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}
