/** What an image means on a machine that runs no containers. */
export type ImageMeaning =
  /** A Python of this version (`3.11`); undefined for any. */
  | { readonly kind: "python"; readonly version: string | undefined }
  /** Only a shell and the usual tools, which this machine has. */
  | { readonly kind: "tools" }
  | { readonly kind: "unknown" };

const TOOL_IMAGES: ReadonlySet<string> = new Set(["alpine", "busybox", "debian", "ubuntu"]);
const DOCKER_HUB = /^((index\.|registry-1\.)?docker\.io\/)?(library\/)?/;
const UBI_PYTHON = /^(registry\.(access\.)?redhat\.(com|io)\/)?ubi\d+\/python-(\d)(\d+)$/;

/** Looks an image up; tags and digests of images known here only choose a version. */
export function meaningOf(image: string): ImageMeaning {
  const { name, tag } = splitImage(image);
  const ubi = UBI_PYTHON.exec(name);
  if (ubi !== null) return { kind: "python", version: `${ubi[4]}.${ubi[5]}` };
  const short = name.replace(DOCKER_HUB, "");
  if (short === "python") return { kind: "python", version: /^3\.\d+/.exec(tag)?.[0] };
  if (TOOL_IMAGES.has(short)) return { kind: "tools" };
  return { kind: "unknown" };
}

function splitImage(image: string): { name: string; tag: string } {
  const withoutDigest = image.replace(/@.*$/, "");
  const colon = withoutDigest.lastIndexOf(":");
  if (colon <= withoutDigest.lastIndexOf("/")) return { name: withoutDigest, tag: "" };
  return { name: withoutDigest.slice(0, colon), tag: withoutDigest.slice(colon + 1) };
}
