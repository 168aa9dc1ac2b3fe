(encoded) => {
  if (!encoded) return;
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/zip" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "actupose.zip";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
