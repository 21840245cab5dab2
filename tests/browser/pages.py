"""Logging in, and looking at pages as a person does."""

from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

PASSWORD = "a long password"


def log_in(browser: BrowserContext, url: str, user: User) -> Page:
    """Give the user a password, and log in with it; the start page is open then."""
    user.set_password(PASSWORD)
    user.save()
    tab = browser.pages[0]
    tab.goto(f"{url}/admin/")
    tab.fill("input[name=username]", user.username)
    tab.fill("input[name=password]", PASSWORD)
    tab.click("button[type=submit]")
    # A test that went on at once would cut off the answer to the login.
    expect(tab.locator("#login-form")).to_have_count(0)
    return tab


def menu(page: Page) -> list[str]:
    """Return what the side bar offers."""
    links = page.locator("#nav-sidebar-apps a")
    expect(links.first).to_be_visible()
    return [text.split("\n")[-1].strip() for text in links.all_inner_texts()]
