// Shows the token to the server, and loads the page. A token behind # never leaves the browser
// but in this request.

async function show(token) {
  const answer = await fetch("login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) {
    location.replace(location.pathname);
    return;
  }
  const trouble = document.getElementById("trouble");
  trouble.textContent = (await answer.json()).detail;
  trouble.hidden = false;
}

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  show(document.getElementById("token").value.trim());
});

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) show(given);
